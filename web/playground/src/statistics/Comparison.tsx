/** A table that sets groups side by side: models, or who asked. */

import { useState } from "react";

import { useLanguage, type Language } from "../words";
import { Small } from "./Chart";
import { saveCsv } from "./csv";
import { money, share, short, speed, time, whole } from "./numbers";
import type { CallerRow, Compared, ModelRow } from "./series";
import { useStatisticsWords } from "./words";

const ALARMING = 0.05; // of a group's streams
const A_FEW = 2; // failures that alarm nobody

interface Column<R> {
  title: string;
  /** In the file, where numbers are as they are. */
  inFile?: string;
  value: (row: R) => number | undefined;
  say: (value: number, row: R) => string;
  bad?: (row: R) => boolean;
}

interface Shown<R> {
  title: string;
  first: string;
  columns: readonly Column<R>[];
  rows: readonly R[];
  nameOf: (row: R) => readonly [name: string, more: string];
  isChosen: (row: R) => boolean;
  onChoose: (row: R | undefined) => void;
  wide?: boolean;
}

export function Models({ rows, chosen, onChoose }: { rows: readonly ModelRow[]; chosen: { provider: string; model: string }; onChoose: (row: ModelRow | undefined) => void }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const [streams, failed, ttft, slow, ...rest] = columnsOf<ModelRow>(words, language);
  const pace: Column<ModelRow> = { title: `${words.speedUnit} p50`, value: (row) => row.speed?.p50, say: speed };
  const retries: Column<ModelRow> = { title: words.retries, value: (row) => row.retries, say: (value) => whole(value, language) };
  const columns = [streams, failed, retries, ttft, slow, pace, ...rest].filter((column) => column !== undefined);
  return <Comparison wide title={words.byModel} first={words.model} columns={columns} rows={rows} nameOf={({ model, provider }) => [model, provider]} isChosen={({ model, provider }) => model === chosen.model && provider === chosen.provider} onChoose={onChoose} />;
}

export function Callers({ rows, chosen, onChoose }: { rows: readonly CallerRow[]; chosen: string; onChoose: (row: CallerRow | undefined) => void }): React.JSX.Element {
  const words = useStatisticsWords();
  const columns = columnsOf<CallerRow>(words, useLanguage()).filter(({ title }) => title !== "p95");
  return <Comparison title={words.byCaller} first={words.caller} columns={columns} rows={rows} nameOf={({ name, program }) => [name, program ? words.program : words.person]} isChosen={({ caller }) => caller === chosen} onChoose={onChoose} />;
}

function columnsOf<R extends Compared>(words: ReturnType<typeof useStatisticsWords>, language: Language): Column<R>[] {
  return [
    { title: words.streams, value: (row) => row.streams, say: (value) => whole(value, language) },
    { title: words.failed, value: (row) => row.failed, say: (value, row) => (value ? share(value, row.streams) : "–"), bad: (row) => row.failed > Math.max(A_FEW, row.streams * ALARMING) },
    { title: `${words.ttft} p50`, inFile: `${words.ttft} p50 (ms)`, value: (row) => row.ttft?.p50, say: time },
    { title: "p95", inFile: `${words.ttft} p95 (ms)`, value: (row) => row.ttft?.p95, say: time },
    { title: words.tokens, value: (row) => row.tokens, say: (value) => short(value, language) },
    { title: words.cost, inFile: `${words.cost} (USD)`, value: (row) => (row.priced ? row.cost : undefined), say: money },
  ];
}

function Comparison<R>({ title, first, columns, rows, nameOf, isChosen, onChoose, wide }: Shown<R>): React.JSX.Element {
  const words = useStatisticsWords();
  const [by, setBy] = useState<string>();
  const sorted = columns.find((column) => column.title === by);
  const inOrder = sorted ? [...rows].sort((a, b) => (sorted.value(b) ?? -1) - (sorted.value(a) ?? -1)) : rows;
  const cell = "px-1.5 py-1.5 last:pr-0";
  const fixed = "sticky left-0 bg-card pr-1.5 py-1.5 text-left font-medium";
  const save = (): void => saveCsv(title, [first, "", ...columns.map((column) => column.inFile ?? column.title)], inOrder.map((row) => [...nameOf(row), ...columns.map(({ value }) => value(row))]));
  return (
    <section className={`min-w-0 rounded-2xl border border-line bg-card p-4 shadow-sm ${wide ? "lg:col-span-2" : ""}`} aria-label={title}>
      <div className="mb-2 flex items-baseline">
        <h3 className="mr-auto text-sm font-semibold">{title}</h3>
        <Small of={title} name="CSV" onClick={save} />
      </div>
      <div className="max-h-[48rem] overflow-auto" tabIndex={0} role="region" aria-label={`${title}: ${words.table}`}>
        <table className="w-full whitespace-nowrap text-right text-sm tabular-nums">
          <thead className="text-xs text-quiet">
            <tr>
              <th className={fixed} scope="col">{first}</th>
              {columns.map((column) => (
                <th key={column.title} className={`${cell} font-medium`} scope="col" aria-sort={column === sorted ? "descending" : undefined}>
                  <button className={`rounded hover:text-text hover:underline ${column === sorted ? "text-text" : ""}`} type="button" onClick={() => setBy(column === sorted ? undefined : column.title)}>{column.title}{column === sorted && " ↓"}</button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {inOrder.map((row) => {
              const [name, more] = nameOf(row);
              const chosen = isChosen(row);
              return (
                <tr key={`${more} ${name}`} className="border-t border-line">
                  <th className={fixed} scope="row">
                    <button className={`block max-w-[11rem] truncate rounded hover:text-accent hover:underline sm:max-w-xs ${chosen ? "text-accent" : ""}`} type="button" title={name} aria-pressed={chosen} onClick={() => onChoose(chosen ? undefined : row)}>{name}</button>
                    <span className="block text-xs font-normal text-quiet">{more}</span>
                  </th>
                  {columns.map(({ title: column, value, say, bad }) => {
                    const found = value(row);
                    return <td key={column} className={`${cell} ${bad?.(row) ? "font-semibold text-bad" : ""}`}>{found === undefined ? "–" : say(found, row)}</td>;
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
