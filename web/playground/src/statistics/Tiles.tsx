/** The range in six figures. */

import { useLanguage } from "../words";
import type { Statistics } from "./api";
import { money, share, short, speed, time, whole } from "./numbers";
import { useStatisticsWords } from "./words";

export function Tiles({ answer }: { answer: Statistics }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const { total, medians } = answer;
  const retries = Math.max(0, total.attempts - total.streams);
  const unpriced = total.streams - total.priced;
  const shown: [string, string, string?][] = [
    [words.streams, whole(total.streams, language), retries ? `${whole(retries, language)} ${words.retries.toLowerCase()}` : ""],
    [words.failed, share(total.failed, total.streams), total.failed ? whole(total.failed, language) : ""],
    [words.firstToken, medians.ttft === undefined ? "–" : time(medians.ttft), words.median],
    [words.speed, medians.speed === undefined ? "–" : speed(medians.speed), `${words.speedUnit}, ${words.median}`],
    [words.tokens, short(total.inputTokens + total.outputTokens, language), `${short(total.inputTokens, language)} ${words.inTokens} · ${short(total.outputTokens, language)} ${words.outTokens}`],
    [words.cost, total.priced ? money(total.cost) : "–", unpriced ? `${whole(unpriced, language)} ${words.unpriced}` : ""],
  ];
  return (
    <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3 xl:grid-cols-6">
      {shown.map(([name, value, more]) => (
        <div key={name} className="rounded-2xl border border-line bg-card px-4 py-3 shadow-sm">
          <dt className="truncate text-xs text-quiet">{name}</dt>
          <dd className="text-xl font-semibold tracking-tight tabular-nums">{value} <span className="block min-h-4 truncate text-xs font-normal text-quiet">{more}</span></dd>
        </div>
      ))}
    </dl>
  );
}
