/** The times that can be looked at, cut into buckets that suit them. */

export const RANGES = ["1h", "24h", "7d", "30d"] as const;
const CLOSEST = "10m";
export type Range = (typeof RANGES)[number] | typeof CLOSEST;
export type Bucket = "minute" | "quarter" | "hour" | "day";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LENGTHS: Record<Range, number> = { "10m": 10 * MINUTE, "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY };
const BUCKETS: Record<Range, Bucket> = { "10m": "minute", "1h": "minute", "24h": "quarter", "7d": "hour", "30d": "day" };
const STEPS: Record<Exclude<Bucket, "day">, number> = { minute: MINUTE, quarter: 15 * MINUTE, hour: HOUR };

/** Milliseconds since 1970; `edges` are where the buckets begin. */
export interface Span {
  from: number;
  to: number;
  bucket: Bucket;
  edges: readonly number[];
}

/** What is looked at: a range that ends then, or now. */
export interface Looked {
  range: Range;
  to?: number | undefined;
}

export function isRange(text: string | null): text is Range {
  return text === CLOSEST || RANGES.includes(text as Exclude<Range, typeof CLOSEST>);
}

/** The range that ends at this moment: from the beginning of its first bucket, so that each is whole but the last. */
export function spanOf(range: Range, end: number): Span {
  const bucket = BUCKETS[range];
  const from = floor(end - LENGTHS[range], bucket);
  const to = Math.ceil(end / MINUTE) * MINUTE;
  const edges: number[] = [];
  for (let edge = from; edge < to; edge = after(edge, bucket)) edges.push(edge);
  return { from, to, bucket, edges };
}

/** What a bucket shows when it is looked at more closely; undefined where nothing is closer. */
export function closer(range: Range, edge: number): Looked | undefined {
  switch (range) {
    case "30d":
      return { range: "24h", to: after(edge, "day") };
    case "7d":
    case "24h":
      return { range: "1h", to: floor(edge, "hour") + HOUR };
    case "1h":
      return around(edge);
    default:
      return undefined;
  }
}

/** As close as it gets, with the moment in the middle. */
export function around(moment: number): Looked {
  return { range: CLOSEST, to: moment + LENGTHS[CLOSEST] / 2 };
}

/** The same length, one step earlier (-1) or later (1); what would lie in the future altogether ends now. */
export function beside({ range, to }: Looked, step: -1 | 1, now: number): Looked {
  const moved = (to ?? now) + step * LENGTHS[range];
  return moved - LENGTHS[range] < now ? { range, to: moved } : { range };
}

function floor(at: number, bucket: Bucket): number {
  if (bucket !== "day") return at - (at % STEPS[bucket]);
  return new Date(at).setHours(0, 0, 0, 0);
}

/** Days are those of this browser's clock, so one may have 23 hours or 25. */
function after(edge: number, bucket: Bucket): number {
  if (bucket !== "day") return edge + STEPS[bucket];
  const day = new Date(edge);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1).getTime();
}

export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
