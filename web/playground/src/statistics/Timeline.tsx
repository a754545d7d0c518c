/** What happened to one stream, from the question to its end. */

import { useEffect, useState } from "react";

import { Modal } from "../dialogs";
import { useLanguage } from "../words";
import { timelineOf, type Moment, type Timeline as Told } from "./api";
import { money, moment, speed, time, whole } from "./numbers";
import { outcomeTitle } from "./StreamList";
import { useStatisticsWords, type StatisticsWords } from "./words";

const KINDS: Record<Moment["kind"], Exclude<keyof StatisticsWords, "endings">> = {
  asked: "asked", reasoning: "reasoning", content: "content", retry: "retry", fallback: "fallback", resumed: "resumed", silence: "silence", ended: "ended",
};

export function Timeline({ project, id, onClose }: { project: string; id: string; onClose: () => void }): React.JSX.Element {
  const words = useStatisticsWords();
  const told = useTold(project, id);
  return (
    <Modal open onClose={onClose} title={words.timeline} wide>
      {told === undefined && <p className="text-sm text-quiet" role="status">{words.loading}</p>}
      {told === null && <p className="text-sm text-quiet" role="alert">{words.timelineGone}</p>}
      {told && <There told={told} />}
    </Modal>
  );
}

/** null: there is none. */
function useTold(project: string, id: string): Told | null | undefined {
  const [told, setTold] = useState<Told | null>();
  useEffect(() => {
    const leaving = new AbortController();
    setTold(undefined);
    timelineOf(project, id, leaving.signal).then(setTold, () => leaving.signal.aborted || setTold(null));
    return () => leaving.abort();
  }, [project, id]);
  return told;
}

function There({ told }: { told: Told }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  return (
    <div>
      <p className="mb-3 text-sm"><span className="font-semibold">{told.model}</span> <span className="text-quiet">{told.provider} · {moment(Date.parse(told.started), language, true)}{told.name && ` · ${told.name}`}</span></p>
      <Bar told={told} />
      <ul className="mb-4 flex flex-wrap gap-x-3 text-xs text-quiet">
        {([["bg-line", words.waiting], ["bg-accent/40", words.thinking], ["bg-accent", words.answering], ["bg-bad", words.silence]] as const).map(([colour, name]) => (
          <li key={name} className="flex items-center gap-1.5"><span className={`size-2.5 rounded-sm ${colour}`} /> {name}</li>
        ))}
      </ul>
      <Figures told={told} />
      <ol className="mt-4 border-l-2 border-line pl-4 text-sm" aria-label={words.timeline}>
        {told.moments.map((each, at) => (
          <li key={at} className="relative py-1 before:absolute before:-left-[1.3rem] before:top-3 before:size-2 before:rounded-full before:bg-accent">
            <span className="mr-2 inline-block w-20 tabular-nums text-quiet">{time(each.atMs)}</span>
            {words[KINDS[each.kind]]} {each.seconds != null && time(each.seconds * 1000)} {each.detail && <span className="text-quiet">{outcomeTitle(each.detail, language, words)}</span>}
          </li>
        ))}
      </ol>
      <p className="mt-3 break-all font-mono text-xs text-quiet">{told.streamId}</p>
    </div>
  );
}

/** Waiting, thinking, answering, to scale; silences lie over them. */
function Bar({ told }: { told: Told }): React.JSX.Element {
  const words = useStatisticsWords();
  const length = Math.max(told.durationMs, 1);
  const parts = partsOf(told.moments, length);
  const share = (ms: number): string => `${(ms / length) * 100}%`;
  const kind = { waiting: words.asked, reasoning: words.reasoning, content: words.content };
  return (
    <svg className="mb-1.5 w-full rounded-lg" height="28" role="img" aria-label={parts.map((part) => `${kind[part.kind]} ${time(part.from)}`).join(", ")}>
      {parts.map(({ kind: name, from, to }) => (
        <rect key={name} x={share(from)} width={share(Math.max(0, to - from))} height="28" className={{ waiting: "fill-line", reasoning: "fill-accent/40", content: "fill-accent" }[name]}>
          <title>{`${kind[name]} ${time(from)}`}</title>
        </rect>
      ))}
      {told.moments.filter((each) => each.kind === "silence").map((each, at) => (
        <rect key={at} x={share(each.atMs)} width={share((each.seconds ?? 0) * 1000)} y="18" height="10" className="fill-bad"><title>{`${words.silence} ${time((each.seconds ?? 0) * 1000)}`}</title></rect>
      ))}
      {told.moments.filter(({ kind: name }) => name === "retry" || name === "fallback" || name === "resumed").map((each, at) => (
        <rect key={at} x={share(each.atMs)} width="2" height="28" className="fill-text"><title>{`${words[KINDS[each.kind]]} ${time(each.atMs)}`}</title></rect>
      ))}
    </svg>
  );
}

interface BarPart {
  kind: "waiting" | "reasoning" | "content";
  from: number;
  to: number;
}

/** From where to where it waited, thought and answered. */
export function partsOf(moments: readonly Moment[], length: number): BarPart[] {
  const at = (kind: Moment["kind"]): number | undefined => moments.find((each) => each.kind === kind)?.atMs;
  const [reasoning, content] = [at("reasoning"), at("content")];
  const parts: BarPart[] = [{ kind: "waiting", from: 0, to: Math.min(reasoning ?? length, content ?? length) }];
  if (reasoning !== undefined && reasoning < (content ?? length)) parts.push({ kind: "reasoning", from: reasoning, to: content ?? length });
  if (content !== undefined) parts.push({ kind: "content", from: content, to: length });
  return parts;
}

function Figures({ told }: { told: Told }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const shown: [string, string][] = [[words.outcome, outcomeTitle(told.outcome, language, words)], [words.duration, time(told.durationMs)]];
  if (told.ttftMs !== null) shown.push([words.firstToken, time(told.ttftMs)]);
  if (told.tokensPerSecond) shown.push([words.speed, `${speed(told.tokensPerSecond)} ${words.speedUnit}`]);
  if (told.longestSilenceMs !== null) shown.push([words.longest, time(told.longestSilenceMs)]);
  shown.push([words.tokens, `${whole(told.inputTokens, language)} ${words.inTokens} · ${whole(told.outputTokens, language)} ${words.outTokens}`]);
  if (told.cost !== null) shown.push([words.cost, money(told.cost)]);
  shown.push([words.attempts, String(told.attempts)]);
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-2 text-sm sm:grid-cols-4">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt className="text-xs text-quiet">{name}</dt>
          <dd className="font-medium tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
