/** What went wrong with an answer: what it is, what happened, and one thing to do. */

import { lazy, useEffect, useState } from "react";

import { LOCAL, type ModelConfig } from "./api";
import { Icon } from "./Icon";
import { Part } from "./Part";
import { said, settingLine, type Action } from "./problems";
import { namesHidden, type Problem, type Turn } from "./state";
import { store, useStore } from "./store";
import { seconds, useLanguage, useWords } from "./words";

const EditModel = lazy(() => import("./EditModel"));
const Settings = lazy(() => import("./Settings"));
const WAIT = 10; // seconds before it is worth trying again, where nobody said how many

interface Failing {
  turn: Turn;
  /** There where this is the last answer: what can be done asks it again. */
  onRetry?: () => void;
}

export function Failed({ turn, onRetry }: Failing): React.JSX.Element | null {
  const language = useLanguage();
  const { failure } = turn.answer;
  const problem = turn.problem ?? (failure && { code: failure.code, message: failure.error, retryAfter: failure.retryAfter });
  if (!problem) return null;
  const [title, meaning] = said(problem.code)[language];
  return (
    <div className="mt-3 rounded-xl border border-bad/30 bg-bad-soft px-3.5 py-3 text-sm">
      <div role="alert">
        <p className="font-semibold text-bad">{title}</p>
        <p className="mt-0.5">{meaning}</p>
        {problem.message && <p className="mt-1.5 break-words border-l-2 border-bad/30 pl-2 text-quiet">{problem.message}</p>}
      </div>
      <Facts turn={turn} problem={problem} />
      {onRetry && <Remedy turn={turn} problem={problem} onRetry={onRetry} />}
    </div>
  );
}

/** Where it was asked, when, how often: what one would tell whoever runs the provider. */
function Facts({ turn, problem }: { turn: Turn; problem: Problem }): React.JSX.Element {
  const words = useWords();
  const language = useLanguage();
  const where = useEndpoint(turn.configId);
  const { finish } = turn.answer;
  const facts = [where, `${words.askedAt} ${new Date(turn.asked).toLocaleTimeString(language, { hourCycle: "h23" })}`];
  if (finish?.timing?.durationMs != null) facts.push(seconds(finish.timing.durationMs));
  if (finish) facts.push(`${words.tries} ${finish.attempts}`);
  return (
    <ul className="mt-1.5 flex flex-wrap gap-x-3 text-xs text-quiet tabular-nums">
      {facts.filter(Boolean).map((fact) => <li key={fact} className="break-all">{fact}</li>)}
      <li className="font-mono">{problem.code}</li>
    </ul>
  );
}

function useEndpoint(configId: string): string {
  const words = useWords();
  const { models, providers } = useStore((state) => state);
  const hidden = useStore(namesHidden);
  const model = models?.find((each) => each.configId === configId);
  if (!model || hidden) return "";
  if (model.providerId === LOCAL) return words.ownModel;
  return model.endpoint || (providers.find(({ providerId }) => providerId === model.providerId)?.endpoint ?? "");
}

interface Mending extends Failing {
  problem: Problem;
  onRetry: () => void;
}

/** The one thing that is offered; where it has no object here, asking again. */
function Remedy({ turn, problem, onRetry }: Mending): React.JSX.Element {
  const words = useWords();
  const model = useStore((state) => state.models?.find(({ configId }) => configId === turn.configId));
  const action = fitting(said(problem.code).action, problem, model);
  switch (action) {
    case "key":
    case "model":
      return model ? <Editing model={model} wants={action === "key" ? "apiKey" : "endpoint"} onSaved={onRetry} /> : <Again onRetry={onRetry} />;
    case "allow":
      return <Allowed line={settingLine(problem.message) ?? ""} />;
    case "settings":
      return <Choosing turn={turn} />;
    case "shorten":
      return <Do name={words.shorten} icon="edit" onClick={() => rewrite(turn)} />;
    case "later":
      return <Later after={problem.retryAfter ?? WAIT} onRetry={onRetry} />;
    case "signIn":
      return <Do name={words.signIn} icon="next" onClick={() => location.assign("/sign/in")} />;
    case "reload":
      return <Do name={words.newerPage} icon="retry" onClick={() => location.reload()} />;
    case "retry":
      return <Again onRetry={onRetry} />;
  }
}

function fitting(action: Action, problem: Problem, model: ModelConfig | undefined): Action {
  if (problem.retryAfter && action === "retry") return "later";
  if ((action === "key" || action === "model") && (!model || model.providerId === LOCAL)) return "retry";
  if (action === "allow" && !settingLine(problem.message)) return "model";
  return action;
}

/** The question back in the box, to be made shorter. */
function rewrite(turn: Turn): void {
  store.setDraft(turn.prompt);
  document.getElementById("prompt")?.focus();
}

interface Doing {
  name: string;
  icon: React.ComponentProps<typeof Icon>["name"];
  pressed?: boolean;
  onClick: () => void;
}

function Do({ name, icon, pressed, onClick }: Doing): React.JSX.Element {
  return (
    <button className={`button mt-2.5 h-8 tabular-nums ${pressed ? "button-main" : ""}`} type="button" aria-pressed={pressed} onClick={onClick}>
      <Icon name={icon} size={13} /> {name}
    </button>
  );
}

function Again({ onRetry }: { onRetry: () => void }): React.JSX.Element {
  const words = useWords();
  return <Do name={words.askAgain} icon="retry" onClick={onRetry} />;
}

function Editing({ model, wants, onSaved }: { model: ModelConfig; wants: "apiKey" | "endpoint"; onSaved: () => void }): React.JSX.Element {
  const words = useWords();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Do name={wants === "apiKey" ? words.changeKey : words.changeAddress} icon="edit" onClick={() => setOpen(true)} />
      {open && <Part><EditModel model={model} first={wants} onClose={() => setOpen(false)} onSaved={onSaved} /></Part>}
    </>
  );
}

function Choosing({ turn }: { turn: Turn }): React.JSX.Element {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const unlinked = useStore(({ panes }) => panes.find(({ turns, parameters }) => parameters && turns.some(({ id }) => id === turn.id))?.id);
  return (
    <>
      <Do name={words.changeSettings} icon="settings" onClick={() => setOpen(true)} />
      {open && <Part><Settings open onClose={() => setOpen(false)} paneId={unlinked} /></Part>}
    </>
  );
}

function Allowed({ line }: { line: string }): React.JSX.Element {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const [copied, setCopied] = useState(false);
  const copy = (): void => void navigator.clipboard.writeText(line).then(() => setCopied(true));
  if (!open) return <Do name={words.showLine} icon="next" onClick={() => setOpen(true)} />;
  return (
    <div className="mt-2.5" role="status">
      <p>{words.allowHint}</p>
      <div className="mt-1 flex items-center gap-2 rounded-lg border border-line bg-card py-1 pl-3 pr-1">
        <code className="min-w-0 flex-1 break-all text-xs">{line}</code>
        <button className="button button-quiet h-7 px-2 text-xs" type="button" onClick={copy}><Icon name={copied ? "done" : "copy"} size={13} /> {copied ? words.copied : words.copy}</button>
      </div>
    </div>
  );
}

/** Asks again when it is worth it, if somebody wants it; until then it says how long that is. */
function Later({ after, onRetry }: { after: number; onRetry: () => void }): React.JSX.Element {
  const words = useWords();
  const [armed, setArmed] = useState(false);
  const [left, setLeft] = useState(Math.ceil(after));
  useEffect(() => {
    const until = Date.now() + after * 1000;
    const timer = setInterval(() => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000))), 250);
    return () => clearInterval(timer);
  }, [after]);
  useEffect(() => {
    if (armed && left === 0) onRetry();
  }, [armed, left, onRetry]);
  if (left === 0) return <Again onRetry={onRetry} />;
  return <Do name={`${words.again} ${left} s`} icon="retry" pressed={armed} onClick={() => setArmed(!armed)} />;
}
