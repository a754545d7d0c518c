/** Text to look at, to copy and to take along. */

import { useState } from "react";

import { download } from "./download";
import { Icon } from "./Icon";
import { useWords } from "./words";

const MOST_SHOWN = 100_000; // characters: more is downloaded
const LONGEST_DATA = /(data:image\/[a-z]+;base64,[A-Za-z0-9+/]{40})[A-Za-z0-9+/=]+/g;

/** Text to copy whole; shown without the length of pictures, and not beyond what can be looked at. */
export function Block({ title, text, file }: { title: string; text: string; file?: string }): React.JSX.Element {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => setCopied(true));
    setTimeout(() => setCopied(false), 1500);
  };
  const brief = text.replace(LONGEST_DATA, "$1…");
  const shown = brief.length > MOST_SHOWN ? `${brief.slice(0, MOST_SHOWN)}\n… ${words.cut}` : brief;
  return (
    <section className="mb-3 rounded-xl border border-line bg-soft" aria-label={title}>
      <div className="flex items-center gap-1 border-b border-line py-1 pl-3 pr-1 text-xs font-medium text-quiet">
        <span className="mr-auto">{title}</span>
        {file && <button className="button button-quiet h-7 px-2 text-xs" type="button" onClick={() => download(file, text)}><Icon name="down" size={13} /> {words.download}</button>}
        <button className="button button-quiet h-7 px-2 text-xs" type="button" onClick={copy}><Icon name={copied ? "done" : "copy"} size={13} /> {copied ? words.copied : words.copy}</button>
      </div>
      <pre className="max-h-[min(24rem,40dvh)] overflow-auto whitespace-pre-wrap break-words p-3 text-xs leading-5" tabIndex={0}>{shown}</pre>
    </section>
  );
}
