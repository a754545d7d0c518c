/** Single streams, each leading to its timeline. */

import { PROBLEMS, problemTitle } from "../problems";
import { statisticsAddress } from "../route";
import { useLanguage, type Language } from "../words";
import type { StreamRow } from "./api";
import { moment, speed, time } from "./numbers";
import { useStatisticsWords, type StatisticsWords } from "./words";

interface Listed {
  title: string;
  rows: readonly StreamRow[];
  given: Readonly<Record<string, string>>;
}

export function StreamList({ title, rows, given }: Listed): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  return (
    <section className="min-w-0 rounded-2xl border border-line bg-card p-4 shadow-sm" aria-label={title}>
      <h3 className="mb-2 text-sm font-semibold">{title}</h3>
      {rows.length === 0 && <p className="text-sm text-quiet">{words.noStreams}</p>}
      <ul>
        {rows.map((row) => (
          <li key={row.streamId} className="border-t border-line first:border-0">
            <a className="-mx-2 grid grid-cols-[1fr_auto] items-center gap-x-3 rounded-lg px-2 py-1.5 text-sm hover:bg-soft" href={statisticsAddress({ ...given, stream: row.streamId })}>
              <span className="truncate font-medium"><span className="sr-only">{words.open} </span>{row.model} <span className="font-normal text-quiet">{row.provider}</span></span>
              <span className="text-right tabular-nums">{row.ttftMs === null ? "–" : time(row.ttftMs)}</span>
              <span className={`truncate text-xs ${row.failed ? "text-bad" : "text-quiet"}`}>{outcomeTitle(row.outcome, language, words)}</span>
              <span className="text-right text-xs tabular-nums text-quiet">{moment(Date.parse(row.started), language, true)}{row.tokensPerSecond ? <span className="max-sm:hidden"> · {speed(row.tokensPerSecond)} {words.speedUnit}</span> : ""}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** An outcome in people's words: those of a failure are the same as in the playground. */
export function outcomeTitle(outcome: string, language: Language, words: StatisticsWords): string {
  return outcome in PROBLEMS ? problemTitle(outcome, language) : (words.endings[outcome] ?? outcome);
}
