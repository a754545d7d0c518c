/** The statistics of a project over HTTP (docs/statistics.md), as far as this view needs them. */

import { ask } from "../api";
import { zone, type Span } from "./range";

export interface Sums {
  provider?: string;
  model?: string;
  outcome?: string;
  streams: number;
  inputTokens: number;
  outputTokens: number;
  cost: number;
  /** Of how many streams the cost is known. */
  priced: number;
}

export interface Point extends Sums {
  at: string;
}

export interface Spread {
  provider?: string;
  model?: string;
  at?: string;
  count: number;
  p10: number;
  p25: number;
  p50: number;
  p75: number;
  p90: number;
  p95: number;
}

export interface StreamRow {
  streamId: string;
  started: string;
  provider: string;
  model: string;
  name?: string;
  outcome: string;
  failed: boolean;
  durationMs: number;
  ttftMs: number | null;
  longestSilenceMs: number | null;
  tokensPerSecond: number | null;
  inputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  cost: number | null;
  events: number;
  attempts: number;
  readers: number;
  resumes: number;
}

export interface Moment {
  atMs: number;
  kind: "asked" | "reasoning" | "content" | "retry" | "fallback" | "resumed" | "silence" | "ended";
  detail?: string;
  seconds?: number | null;
}

export interface Timeline extends StreamRow {
  providerReason: string;
  moments: readonly Moment[];
}

export interface LiveStream {
  streamId: string;
  provider: string;
  model: string;
  /** Seconds since 1970. */
  created: number;
  events: number;
  state: "running" | "finished";
}

/** All that the view shows of one range. */
export interface Statistics {
  complete: boolean;
  total: Sums;
  byModel: readonly Sums[];
  byOutcome: readonly Sums[];
  modelSeries: readonly Point[];
  outcomeSeries: readonly Point[];
  ttft: readonly Spread[];
  speed: readonly Spread[];
  ttftByModel: readonly Spread[];
  speedByModel: readonly Spread[];
  /** Of the range as a whole; undefined where nothing had a value. */
  medians: { ttft: number | undefined; speed: number | undefined };
  /** How far off a percentile may be, as a share of its value; 0: exact. */
  error: number;
  slowest: readonly StreamRow[];
  failed: readonly StreamRow[];
}

const NOTHING: Sums = { streams: 0, inputTokens: 0, outputTokens: 0, cost: 0, priced: 0 };
const MOST_LISTED = 10;

export interface Chosen {
  provider: string;
  model: string;
}

/** One answer for each chart; together they are asked for at once. */
export async function statisticsOf(project: string, span: Span, chosen: Chosen | undefined, signal: AbortSignal): Promise<Statistics> {
  const get = <T>(what: string, more: Record<string, string> = {}): Promise<T> => {
    const range = { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), zone: zone() };
    return ask(`${path(project)}${what}/?${new URLSearchParams({ ...range, ...chosen, ...more }).toString()}`, { signal });
  };
  const { bucket } = span;
  const limit = String(MOST_LISTED);
  const [total, byModel, byOutcome, modelSeries, outcomeSeries, ttft, speed, ttftByModel, speedByModel, allTtft, allSpeed, slowest, failed] = await Promise.all([
    get<{ groups: Sums[]; complete: boolean }>("totals"),
    get<{ groups: Sums[] }>("totals", { by: "model" }),
    get<{ groups: Sums[] }>("totals", { by: "outcome" }),
    get<{ points: Point[] }>("series", { by: "model", bucket }),
    get<{ points: Point[] }>("series", { by: "outcome", bucket }),
    get<{ points: Spread[]; error: number }>("percentiles", { measure: "ttft", bucket }),
    get<{ points: Spread[]; error: number }>("percentiles", { measure: "speed", bucket }),
    get<{ points: Spread[] }>("percentiles", { measure: "ttft", by: "model" }),
    get<{ points: Spread[] }>("percentiles", { measure: "speed", by: "model" }),
    get<{ points: Spread[] }>("percentiles", { measure: "ttft" }),
    get<{ points: Spread[] }>("percentiles", { measure: "speed" }),
    get<{ streams: StreamRow[] }>("streams", { sort: "ttft", limit }),
    get<{ streams: StreamRow[] }>("streams", { failed: "true", limit }),
  ]);
  return {
    complete: total.complete,
    total: total.groups[0] ?? NOTHING,
    byModel: byModel.groups,
    byOutcome: byOutcome.groups,
    modelSeries: modelSeries.points,
    outcomeSeries: outcomeSeries.points,
    ttft: ttft.points,
    speed: speed.points,
    ttftByModel: ttftByModel.points,
    speedByModel: speedByModel.points,
    medians: { ttft: allTtft.points[0]?.p50, speed: allSpeed.points[0]?.p50 },
    error: Math.max(ttft.error, speed.error),
    slowest: slowest.streams,
    failed: failed.streams,
  };
}

export function timelineOf(project: string, id: string, signal: AbortSignal): Promise<Timeline> {
  return ask(`${path(project)}streams/${encodeURIComponent(id)}/`, { signal });
}

/** What runs now, newest first. */
export async function liveStreams(project: string, signal: AbortSignal): Promise<LiveStream[]> {
  const { streams } = await ask<{ streams: LiveStream[] }>(`/projects/${encodeURIComponent(project)}/playground/streams/`, { signal });
  return streams.filter(({ state }) => state === "running");
}

export function stopStream(project: string, id: string): Promise<unknown> {
  return ask(`/projects/${encodeURIComponent(project)}/playground/streams/${encodeURIComponent(id)}/`, { method: "DELETE" });
}

function path(project: string): string {
  return `/projects/${encodeURIComponent(project)}/stats/`;
}
