/** One answer's question as code, and as what went over the wire. */

import { useEffect, useState } from "react";

import { streamText } from "./api";
import { Modal, type Opened } from "./dialogs";
import { Icon } from "./Icon";
import { KINDS, snippet, type Kind } from "./snippets";
import { requestOf, type Turn } from "./state";
import { useStore } from "./store";
import { useWords } from "./words";

const MOST_SHOWN = 100_000; // characters: more is downloaded
const LONGEST_DATA = /(data:image\/[a-z]+;base64,[A-Za-z0-9+/]{40})[A-Za-z0-9+/=]+/g;

export function CodeDialog({ open, onClose, turnId }: Opened & { turnId: string | undefined }): React.JSX.Element {
  const words = useWords();
  const [wire, setWire] = useState(false);
  const panes = useStore((state) => state.panes);
  const turns = panes.map((pane) => pane.turns).find((each) => each.some(({ id }) => id === turnId)) ?? [];
  const asked = turns.slice(0, turns.findIndex(({ id }) => id === turnId) + 1);
  return (
    <Modal open={open} onClose={onClose} title={wire ? words.wire : words.code} wide>
      <div className="mb-3 flex gap-1" role="tablist">
        <Tab name={words.code} chosen={!wire} onClick={() => setWire(false)} />
        <Tab name={words.wire} chosen={wire} onClick={() => setWire(true)} />
      </div>
      {asked.length > 0 && (wire ? <Wire turns={asked} /> : <Code turns={asked} />)}
    </Modal>
  );
}

function Tab({ name, chosen, onClick }: { name: string; chosen: boolean; onClick: () => void }): React.JSX.Element {
  return <button className={`button h-8 ${chosen ? "button-main" : "button-quiet"}`} type="button" role="tab" aria-selected={chosen} onClick={onClick}>{name}</button>;
}

function Code({ turns }: { turns: readonly Turn[] }): React.JSX.Element {
  const words = useWords();
  const project = useStore((state) => state.project);
  const [kind, setKind] = useState<Kind>("curl");
  const text = snippet(kind, { request: requestOf(turns), origin: location.origin, project });
  return (
    <div>
      <p className="mb-2 text-sm text-quiet">{words.codeHint}</p>
      <div className="mb-2 flex flex-wrap gap-1" role="tablist">
        {KINDS.map((each) => <Tab key={each} name={each} chosen={each === kind} onClick={() => setKind(each)} />)}
      </div>
      <Block title={kind} text={text} />
    </div>
  );
}

function Wire({ turns }: { turns: readonly Turn[] }): React.JSX.Element {
  const words = useWords();
  const project = useStore((state) => state.project);
  const [events, setEvents] = useState<string>();
  const id = turns.at(-1)?.streamId;
  useEffect(() => {
    const leaving = new AbortController();
    const shown = (text: string): void => void (leaving.signal.aborted || setEvents(text));
    if (id) streamText(project, id, leaving.signal).then(shown, () => shown(""));
    else setEvents("");
    return () => leaving.abort();
  }, [project, id]);
  return (
    <div>
      <p className="mb-2 text-sm text-quiet">{words.wireHint}</p>
      <Block title={words.request} text={JSON.stringify(requestOf(turns), null, 2)} file="request.json" />
      {events ? <Block title={words.events} text={events} file="events.txt" /> : <p className="text-sm text-quiet" role="status">{events === undefined ? words.testing : words.wireGone}</p>}
    </div>
  );
}

/** Text to copy whole; shown without the length of pictures, and not beyond what can be looked at. */
function Block({ title, text, file }: { title: string; text: string; file?: string }): React.JSX.Element {
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

export function download(name: string, text: string): void {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([text]));
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
