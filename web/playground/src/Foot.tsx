/** What stands under an answer: what it cost, what can be done with it. */

import { useState } from "react";

import { Chart } from "./Chart";
import { Icon } from "./Icon";
import { namesHidden, type Turn } from "./state";
import { useStore } from "./store";
import { seconds, useWords, type Words } from "./words";

/** What a pane can do with its turns; `undefined` where it cannot. */
export interface Acts {
  retry: () => void;
  goOn: () => void;
  code: (turnId: string) => void;
  branch: ((turnId: string) => void) | undefined;
  vote: ((turnId: string) => void) | undefined;
  withThis: (() => void) | undefined;
}

export function Foot({ turn, acts, last }: { turn: Turn; acts: Acts; last: boolean }): React.JSX.Element {
  const words = useWords();
  const hidden = useStore(namesHidden);
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(turn.answer.content).then(() => setCopied(true));
    setTimeout(() => setCopied(false), 1500);
  };
  const { content, finish } = turn.answer;
  return (
    <div className="mt-3 space-y-1.5">
      {turn.takenFrom && !hidden && <p className="text-xs text-quiet">{words.takenFrom} {turn.takenFrom}</p>}
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1"><Chart turn={turn} /><Figures turn={turn} hidden={hidden} /></div>
      <div className="-ml-2 flex flex-wrap items-center">
        {last && finish?.reason === "length" && <Act icon="next" name={words.goOn} hint={words.goOnHint} onClick={acts.goOn} />}
        {content && <Act icon={copied ? "done" : "copy"} name={copied ? words.copied : words.copy} onClick={copy} />}
        {last && <Act icon="retry" name={words.retry} onClick={acts.retry} />}
        {!hidden && <Act icon="code" name={words.code} onClick={() => acts.code(turn.id)} />}
        {content && acts.branch && <Act icon="branch" name={words.branch} hint={words.branchHint} onClick={() => acts.branch?.(turn.id)} />}
        {content && acts.vote && <Act icon="better" name={words.better} hint={words.betterHint} pressed={turn.better ?? false} onClick={() => acts.vote?.(turn.id)} />}
        {content && last && acts.withThis && <Act icon="fold" name={words.withThis} hint={words.withThisHint} onClick={acts.withThis} />}
      </div>
    </div>
  );
}

interface Act {
  icon: React.ComponentProps<typeof Icon>["name"];
  name: Words[keyof Words];
  hint?: string;
  pressed?: boolean;
  onClick: () => void;
}

function Act({ icon, name, hint, pressed, onClick }: Act): React.JSX.Element {
  return (
    <button className={`button button-quiet h-7 px-2 text-xs ${pressed ? "bg-tint text-accent" : ""}`} type="button" title={hint} aria-pressed={pressed} onClick={onClick}>
      <Icon name={icon} size={13} /> {name}
    </button>
  );
}

/** How the server calls the ending, and the page. */
const ENDINGS = { stop: "endedWell", length: "endedLong", tool_calls: "endedCalling", content_filter: "endedFiltered", cancelled: "stopped", error: "endedWrong" } as const;

/** Time, speed, tokens, ending: what the server measured. */
function Figures({ turn, hidden }: { turn: Turn; hidden: boolean }): React.JSX.Element {
  const words = useWords();
  const { finish } = turn.answer;
  if (!finish) return <span className="text-xs text-quiet">{turn.answer.content || turn.problem ? "" : words.unfinished}</span>;
  const { usage, timing, attempts, reason, cost } = finish;
  const about = usage?.source === "estimated" ? "≈ " : "";
  const shown: [string, string][] = [];
  if (timing?.ttftMs != null) shown.push([words.ttft, seconds(timing.ttftMs)]);
  if (timing?.tokensPerSecond) shown.push(["tokens/s", timing.tokensPerSecond.toFixed(timing.tokensPerSecond < 10 ? 1 : 0)]);
  if (timing?.durationMs != null) shown.push([words.total, seconds(timing.durationMs)]);
  if (usage) {
    shown.push([words.in, about + usage.inputTokens], [words.out, about + usage.outputTokens]);
    if (usage.reasoningTokens) shown.push([words.thoughtTokens, about + usage.reasoningTokens]);
  }
  if (cost !== undefined) shown.push([words.cost, `$${cost.toPrecision(2)}`]);
  if (finish.answeredBy && !hidden) shown.push([words.answeredBy, `${finish.answeredBy.provider} ${finish.answeredBy.model}`]);
  if (attempts > 1) shown.push([words.attempts, String(attempts)]);
  return (
    <dl className="flex flex-wrap items-center gap-x-3 gap-y-0.5 text-xs text-quiet tabular-nums">
      {shown.map(([name, value]) => (
        <div key={name} className="flex gap-1">
          <dt>{name}</dt>
          <dd className="font-medium text-text">{value}</dd>
        </div>
      ))}
      <div title={reason} className={`rounded-full px-2 py-px font-medium ${reason === "stop" ? "bg-tint text-accent" : reason === "error" ? "bg-bad-soft text-bad" : "bg-soft text-quiet"}`}>
        <dt className="sr-only">{words.ending}</dt>
        <dd>{words[ENDINGS[reason]]}</dd>
      </div>
    </dl>
  );
}
