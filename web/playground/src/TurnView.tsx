import { memo, useEffect, useState } from "react";

import { Attached } from "./Attached";
import { Failed } from "./Failed";
import { Foot, type Acts } from "./Foot";
import { Icon } from "./Icon";
import { Markdown } from "./Markdown";
import { isComposing, sends } from "./keys";
import { isRunning, type Turn } from "./state";
import { store } from "./store";
import { seconds, useWords } from "./words";

const MOST_SPOKEN = 2_000; // characters: two minutes

export const TurnView = memo(
  function TurnView({ turn, acts, last }: { turn: Turn; acts: Acts; last: boolean }) {
    const words = useWords();
    const { answer } = turn;
    const running = isRunning(turn);
    const silent = running && !answer.content && !answer.reasoning && !answer.toolCalls.length;
    return (
      <article className="mb-6 last:mb-0">
        <Question turn={turn} editable={!running && last} />
        <Thinking turn={turn} />
        <div role="group" aria-label={words.answer} aria-busy={running}>
          {answer.content && <Markdown text={answer.content} streaming={running} />}
        </div>
        {answer.toolCalls.map((call, at) => (
          <pre key={at} className="my-2 overflow-x-auto rounded-lg bg-soft p-3 text-xs">{words.tools}: {call.name}({call.arguments})</pre>
        ))}
        <Sources turn={turn} />
        {silent && turn.phase !== "reconnecting" && <Waiting since={turn.asked} />}
        {turn.phase === "reconnecting" && <p className="mt-2 flex items-center gap-2 text-sm text-quiet" role="status"><Dot /> {words.reconnecting}</p>}
        <Failed turn={turn} {...(last && !running ? { onRetry: acts.retry } : {})} />
        {!running && <Foot turn={turn} acts={acts} last={last} />}
        <p className="sr-only" aria-live="polite">{running ? "" : spoken(answer.content)}</p>
      </article>
    );
  },
  (before, after) => before.turn === after.turn && before.last === after.last && before.acts === after.acts,
);

/** What is read out when an answer is whole: of a long one the beginning, for nobody can stop a screen reader politely. */
function spoken(text: string): string {
  return text.length > MOST_SPOKEN ? `${text.slice(0, MOST_SPOKEN)}…` : text;
}

function Question({ turn, editable }: { turn: Turn; editable: boolean }): React.JSX.Element {
  const words = useWords();
  const [editing, setEditing] = useState(false);
  const send = (text: string): void => {
    setEditing(false);
    store.edit(turn.prompt, text);
  };
  if (turn.continues) return <p className="mb-3 flex items-center gap-2 text-xs text-quiet before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">{words.continued}</p>;
  if (editing && editable) return <Edited turn={turn} onSend={send} onCancel={() => setEditing(false)} />;
  return (
    <div className="group mb-3 flex items-center justify-end gap-1">
      {editable && (
        <button className="button button-quiet button-square h-8 w-8 opacity-0 transition-opacity focus-visible:opacity-100 group-hover:opacity-100 max-md:opacity-60" type="button"
          aria-label={words.edit} title={words.edit} onClick={() => setEditing(true)}>
          <Icon name="edit" size={14} />
        </button>
      )}
      <div className="flex max-w-[90%] min-w-0 flex-col items-end gap-1.5">
        <Attached files={turn.files} />
        {turn.prompt && <p className="max-w-full whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-tint px-3.5 py-2">{turn.prompt}</p>}
      </div>
    </div>
  );
}

interface Editing {
  turn: Turn;
  onSend: (text: string) => void;
  onCancel: () => void;
}

function Edited({ turn, onSend, onCancel }: Editing): React.JSX.Element {
  const words = useWords();
  const [text, setText] = useState(turn.prompt);
  const onKey = (event: React.KeyboardEvent): void => {
    if (isComposing(event.nativeEvent)) return;
    if (event.key === "Escape") onCancel();
    else if (!sends(event, store.state.enterSends)) return;
    else onSend(text);
    event.preventDefault();
  };
  return (
    <form className="mb-3 ml-auto max-w-[90%]" onSubmit={(event) => { event.preventDefault(); onSend(text); }}>
      <textarea className="field field-sizing-content" aria-label={words.edit} autoFocus value={text} onChange={({ target }) => setText(target.value)} onKeyDown={onKey} />
      <div className="mt-1 flex justify-end gap-1">
        <button className="button button-quiet h-8" type="button" onClick={onCancel}>{words.cancel}</button>
        <button className="button button-main h-8" type="submit" disabled={!text.trim()}>{words.send}</button>
      </div>
    </form>
  );
}

/** What the answer rests on. An address that is not the web's is named and not linked. */
function Sources({ turn }: { turn: Turn }): React.JSX.Element | null {
  const words = useWords();
  const sources = turn.answer.citations ?? [];
  if (!sources.length) return null;
  return (
    <ol className="mt-3 space-y-0.5 border-l-2 border-line pl-3 text-xs text-quiet" aria-label={words.sources}>
      {sources.map(({ url, title, quote }, at) => (
        <li key={at} title={quote} className="truncate">
          {at + 1}. {url && /^https?:\/\//i.test(url) ? <a className="text-accent underline" href={url} target="_blank" rel="noopener noreferrer nofollow">{title || url}</a> : title || url}
        </li>
      ))}
    </ol>
  );
}

/** Open while it thinks; folds when the answer begins; then as its reader wants it. */
function Thinking({ turn }: { turn: Turn }): React.JSX.Element | null {
  const words = useWords();
  const [chosen, setChosen] = useState<boolean>();
  const { reasoning, thinking } = turn.answer;
  if (!reasoning && !thinking) return null;
  const open = chosen ?? (thinking && isRunning(turn));
  return (
    <div className="mb-3 rounded-xl border border-line bg-soft">
      <button className="flex w-full items-center gap-2 px-3 py-1.5 text-left text-sm font-medium text-quiet" type="button" aria-expanded={open} onClick={() => setChosen(!open)}>
        <span className={`transition-transform ${open ? "rotate-90" : ""}`}><Icon name="fold" size={14} /></span>
        {thinking ? <><Dot /> {words.thinking} <Clock since={turn.thinkingSince ?? turn.asked} /></> : `${words.thought} ${seconds(turn.thinkingMs ?? 0)}`}
      </button>
      {open && <div className="max-h-72 overflow-y-auto whitespace-pre-wrap break-words border-t border-line px-3 py-2 text-sm text-quiet">{reasoning}</div>}
    </div>
  );
}

function Waiting({ since }: { since: number }): React.JSX.Element {
  const words = useWords();
  return <p className="flex items-center gap-2 text-sm text-quiet" role="status"><Dot /> {words.waiting} <Clock since={since} /></p>;
}

function Dot(): React.JSX.Element {
  return <span className="pulse inline-block size-2 shrink-0 rounded-full bg-accent" />;
}

function Clock({ since }: { since: number }): React.JSX.Element {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return <span className="font-normal tabular-nums" aria-hidden="true">{seconds(Math.max(0, now - since))}</span>;
}

