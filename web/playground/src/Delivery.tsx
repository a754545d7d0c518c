/** Whether answers reach this browser as they are sent; what holds them back, and the line that mends it. */

import { useEffect, useRef, useState } from "react";

import { Block } from "./Block";
import { examined, type Finding, type Judgement } from "./delivery";
import { Modal, type Opened } from "./dialogs";
import { Icon } from "./Icon";
import { useLanguage, useWords } from "./words";

type Told = Judgement | "reading" | "lost" | undefined;

export default function Delivery({ open, onClose }: Opened): React.JSX.Element {
  const words = useWords();
  const [told, setTold] = useState<Told>();
  const language = useLanguage();
  const leaving = useRef<AbortController>(undefined);
  useEffect(() => () => leaving.current?.abort(), []);
  const examine = (): void => {
    const { signal } = (leaving.current = new AbortController());
    setTold("reading");
    examined(language, signal).then(setTold, () => signal.aborted || setTold("lost"));
  };
  return (
    <Modal open={open} onClose={onClose} title={words.delivery}>
      <p className="mb-3 text-sm text-quiet">{words.deliveryHint}</p>
      <div role="status">
        {told === "reading" && <p className="mb-3 text-sm">{words.deliveryReading}</p>}
        {told === "lost" && <p className="mb-3 rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad">{words.deliveryLost}</p>}
        {typeof told === "object" && <Verdict judgement={told} />}
      </div>
      <div className="flex justify-end"><button className="button button-main" type="button" disabled={told === "reading"} onClick={examine}>{words.deliveryTry}</button></div>
    </Modal>
  );
}

function Verdict({ judgement: { good, verdict, findings } }: { judgement: Judgement }): React.JSX.Element {
  return (
    <div className="mb-3 text-sm">
      <p className={`mb-2 rounded-lg px-3 py-2 font-medium ${good ? "bg-tint text-accent" : "bg-bad-soft text-bad"}`}>{verdict}</p>
      <ul className="space-y-2">{findings.map((each) => <Found key={each.code} finding={each} />)}</ul>
    </div>
  );
}

function Found({ finding: { level, code, text, line } }: { finding: Finding }): React.JSX.Element {
  return (
    <li>
      <p className="flex gap-2">
        <span className={`mt-1 shrink-0 ${level === "bad" ? "text-bad" : level === "good" ? "text-accent" : "text-quiet"}`}><Icon name={level === "good" ? "done" : level === "bad" ? "close" : "next"} size={14} /></span>
        <span className="min-w-0 break-words">{text}</span>
      </p>
      {line && <div className="mt-1 pl-6"><Block title={code} text={line} /></div>}
    </li>
  );
}
