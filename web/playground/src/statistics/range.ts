/** The times that can be looked at, cut into buckets that suit them. */

export const RANGES = ["1h", "24h", "7d", "30d"] as const;
export type Range = (typeof RANGES)[number];
export type Bucket = "minute" | "quarter" | "hour" | "day";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LENGTHS: Record<Range, number> = { "1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY };
const BUCKETS: Record<Range, Bucket> = { "1h": "minute", "24h": "quarter", "7d": "hour", "30d": "day" };
const STEPS: Record<Exclude<Bucket, "day">, number> = { minute: MINUTE, quarter: 15 * MINUTE, hour: HOUR };

/** Milliseconds since 1970; `edges` are where the buckets begin. */
export interface Span {
  from: number;
  to: number;
  bucket: Bucket;
  edges: readonly number[];
}

export function isRange(text: string | null): text is Range {
  return RANGES.includes(text as Range);
}

/** The range that ends now: from the beginning of its first bucket, so that each is whole but the last. */
export function spanOf(range: Range, now: number): Span {
  const bucket = BUCKETS[range];
  const from = floor(now - LENGTHS[range], bucket);
  const to = Math.ceil((now + 1) / MINUTE) * MINUTE;
  const edges: number[] = [];
  for (let edge = from; edge < to; edge = after(edge, bucket)) edges.push(edge);
  return { from, to, bucket, edges };
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
