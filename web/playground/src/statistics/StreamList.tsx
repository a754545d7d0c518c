/** Single streams, each leading to its timeline. */

import { useEffect, useState } from "react";

import { PROBLEMS, problemTitle } from "../problems";
import { statisticsAddress } from "../route";
import { useLanguage, type Language } from "../words";
import { LISTS, MOST_LISTED, streamsOf, type Question, type StreamRow } from "./api";
import { Small } from "./Chart";
import { saveCsv } from "./csv";
import { moment, time } from "./numbers";
import { useStatisticsWords, type StatisticsWords } from "./words";

const MANY = 200; // what the server lists at most
const FIELDS = ["started", "streamId", "provider", "model", "name", "outcome", "ttftMs", "durationMs", "longestSilenceMs", "tokensPerSecond", "inputTokens", "outputTokens", "cost", "attempts", "resumes"] as const;

interface Listed {
  title: string;
  list: keyof typeof LISTS;
  question: Question;
  rows: readonly StreamRow[];
  given: Readonly<Record<string, string>>;
}

export function StreamList({ title, list, question, rows: first, given }: Listed): React.JSX.Element {
  const words = useStatisticsWords();
  const [all, setAll] = useState(false);
  const rows = useMany(question, list, first, all);
  const save = (): void => saveCsv(title, FIELDS, rows.map((row) => FIELDS.map((field) => row[field])));
  return (
    <section className="min-w-0 rounded-2xl border border-line bg-card p-4 shadow-sm" aria-label={title}>
      <div className="mb-2 flex items-baseline">
        <h3 className="mr-auto text-sm font-semibold">{title}</h3>
        {first.length === MOST_LISTED && <Small of={title} name={words.more} pressed={all} onClick={() => setAll(!all)} />}
        {rows.length > 0 && <Small of={title} name="CSV" onClick={save} />}
      </div>
      {rows.length === 0 && <p className="text-sm text-quiet">{words.noStreams}</p>}
      <ul className="-mx-2 max-h-[36rem] overflow-y-auto px-2">
        {rows.map((row) => <Row key={row.streamId} row={row} href={statisticsAddress({ ...given, stream: row.streamId })} />)}
      </ul>
    </section>
  );
}

/** Those that are there, or as many as there are. */
function useMany(question: Question, list: keyof typeof LISTS, first: readonly StreamRow[], all: boolean): readonly StreamRow[] {
  const [many, setMany] = useState<readonly StreamRow[]>();
  useEffect(() => {
    setMany(undefined);
    if (!all) return undefined;
    const leaving = new AbortController();
    streamsOf(question, list, MANY, leaving.signal).then(setMany, () => undefined); // the first ones stay
    return () => leaving.abort();
  }, [question, list, all]);
  return (all && many) || first;
}

function Row({ row, href }: { row: StreamRow; href: string }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  return (
    <li className="border-t border-line first:border-0">
      <a className="-mx-2 block rounded-lg px-2 py-1.5 hover:bg-soft" href={href}>
        <span className="flex gap-x-3 text-sm">
          <span className="min-w-0 flex-1 truncate font-medium"><span className="sr-only">{words.open} </span>{row.model} <span className="font-normal text-quiet">{row.name || row.provider}</span></span>
          <span className="tabular-nums">{time(row.ttftMs ?? row.durationMs)}</span>
        </span>
        <span className="flex gap-x-3 text-xs text-quiet">
          <span className={`min-w-0 flex-1 truncate ${row.failed ? "text-bad" : ""}`}>{outcomeTitle(row.outcome, language, words)}</span>
          <span className="tabular-nums">{row.attempts > 1 && <span title={`${row.attempts} ${words.attempts}`}>{row.attempts}× · </span>}{moment(Date.parse(row.started), language, true)}</span>
        </span>
      </a>
    </li>
  );
}

/** An outcome in people's words: those of a failure are the same as in the playground. */
export function outcomeTitle(outcome: string, language: Language, words: StatisticsWords): string {
  return outcome in PROBLEMS ? problemTitle(outcome, language) : (words.endings[outcome] ?? outcome);
}
