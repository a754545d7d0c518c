/** The models side by side: how fast they begin and go on, and what they took. */

import { useLanguage } from "../words";
import { money, short, speed, time, whole } from "./numbers";
import type { ModelRow } from "./series";
import { useStatisticsWords } from "./words";

interface Compared {
  rows: readonly ModelRow[];
  chosen: string;
  onChoose: (row: ModelRow | undefined) => void;
}

export function Models({ rows, chosen, onChoose }: Compared): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const cell = "px-1.5 py-1.5 first:pl-0 last:pr-0";
  return (
    <section className="min-w-0 rounded-2xl border border-line bg-card p-4 shadow-sm" aria-label={words.byModel}>
      <h3 className="mb-2 text-sm font-semibold">{words.byModel}</h3>
      <div className="max-h-[17rem] overflow-auto overscroll-y-contain" tabIndex={0} role="region" aria-label={`${words.byModel}: ${words.table}`}>
        <table className="w-full whitespace-nowrap text-right text-sm tabular-nums">
          <thead className="sticky top-0 bg-card text-xs text-quiet">
            <tr>
              <th className={`${cell} text-left font-medium`} scope="col">{words.model}</th>
              <th className={`${cell} font-medium`} scope="col">{words.streams}</th>
              <th className={`${cell} font-medium`} scope="col">{words.ttft} p50</th>
              <th className={`${cell} font-medium`} scope="col">p95</th>
              <th className={`${cell} font-medium`} scope="col">{words.speedUnit} p50</th>
              <th className={`${cell} font-medium`} scope="col">{words.tokens}</th>
              <th className={`${cell} font-medium`} scope="col">{words.cost}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.provider} ${row.model}`} className="border-t border-line">
                <th className={`${cell} text-left font-medium`} scope="row">
                  <button className="rounded hover:text-accent hover:underline" type="button" aria-pressed={chosen === row.model} onClick={() => onChoose(chosen === row.model ? undefined : row)}>{row.model}</button>
                  <span className="block text-xs font-normal text-quiet">{row.provider}</span>
                </th>
                <td className={cell}>{whole(row.streams, language)}</td>
                <td className={cell}>{row.ttft ? time(row.ttft.p50) : "–"}</td>
                <td className={cell}>{row.ttft ? time(row.ttft.p95) : "–"}</td>
                <td className={cell}>{row.speed ? speed(row.speed.p50) : "–"}</td>
                <td className={cell}>{short(row.tokens, language)}</td>
                <td className={cell}>{row.priced ? money(row.cost) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
