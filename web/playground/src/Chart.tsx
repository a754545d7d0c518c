/** Tokens over time, small: how steadily an answer came. */

import type { Turn } from "./state";
import { seconds, useWords } from "./words";

const WIDTH = 96;
const HEIGHT = 24;
const LEAST_SAMPLES = 4; // fewer show nothing

export function Chart({ turn }: { turn: Turn }): React.JSX.Element | null {
  const words = useWords();
  const samples = turn.samples ?? [];
  const [took, length] = samples.at(-1) ?? [0, 0];
  if (samples.length < LEAST_SAMPLES || !took || !length) return null;
  const tokens = turn.answer.finish?.usage?.outputTokens;
  const label = `${words.chart}: ${tokens ? `${tokens} ${words.tokens}, ` : ""}${seconds(took)}`;
  const points = samples.map(([at, count]) => `${((at / took) * WIDTH).toFixed(1)},${(HEIGHT - 1 - (count / length) * (HEIGHT - 2)).toFixed(1)}`);
  const first = (((samples[0]?.[0] ?? 0) / took) * WIDTH).toFixed(1);
  return (
    <svg className="shrink-0 text-accent" role="img" aria-label={label} width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`}>
      <title>{label}</title>
      <path d={`M0,${HEIGHT - 0.5}H${WIDTH}`} stroke="currentColor" strokeOpacity="0.3" />
      <polygon points={`${first},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} fill="currentColor" fillOpacity="0.15" />
      <polyline points={points.join(" ")} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
