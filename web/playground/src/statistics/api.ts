/** The statistics of a project over HTTP (docs/statistics.md), as far as this view needs them. */

import { ask } from "../api";
import { zone, type Span } from "./range";

export interface Sums {
  provider?: string;
  model?: string;
  outcome?: string;
  caller?: string;
  /** The caller's, where it is known. */
  name?: string;
  streams: number;
  failed: number;
  attempts: number;
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
  caller?: string;
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
  /** Who asked; absent where that is not for this person to know. */
  byCaller?: readonly Sums[] | undefined;
  modelSeries: readonly Point[];
  outcomeSeries: readonly Point[];
  ttft: readonly Spread[];
  speed: readonly Spread[];
  /** The same for each model; absent where it was not asked for. */
  apart?: { ttft: readonly Spread[]; speed: readonly Spread[] } | undefined;
  ttftByModel: readonly Spread[];
  speedByModel: readonly Spread[];
  ttftByCaller?: readonly Spread[] | undefined;
  /** Of the range as a whole; undefined where nothing had a value. */
  medians: { ttft: number | undefined; speed: number | undefined };
  /** How far off a percentile may be, as a share of its value; 0: exact. */
  error: number;
  slowest: readonly StreamRow[];
  failed: readonly StreamRow[];
  latest: readonly StreamRow[];
}

const NOTHING: Sums = { streams: 0, failed: 0, attempts: 0, inputTokens: 0, outputTokens: 0, cost: 0, priced: 0 };
export const MOST_LISTED = 10;
export const LISTS = { slowest: { sort: "ttft" }, failed: { failed: "true" }, latest: {} } as const;

/** What is counted: of which project and time, and of what alone. Empty: of all. */
export interface Question {
  project: string;
  span: Span;
  provider: string;
  model: string;
  caller: string;
}

/** One answer for each chart; together they are asked for at once. `apart`: each model's times too; `callers`: who asked. */
export async function statisticsOf(question: Question, apart: boolean, callers: boolean, signal: AbortSignal): Promise<Statistics> {
  const get = <T>(what: string, more: Record<string, string> = {}): Promise<T> => about(question, what, more, signal);
  const { bucket } = question.span;
  const spread = (more: Record<string, string>): Promise<{ points: Spread[]; error: number }> => get("percentiles", more);
  const eachModel = apart ? { by: "model", bucket } : undefined;
  const [total, byModel, byOutcome, modelSeries, outcomeSeries, ttft, speed, ttftByModel, speedByModel, allTtft, allSpeed, apartTtft, apartSpeed, byCaller, ttftByCaller, slowest, failed, latest] = await Promise.all([
    get<{ groups: Sums[]; complete: boolean }>("totals"),
    get<{ groups: Sums[] }>("totals", { by: "model" }),
    get<{ groups: Sums[] }>("totals", { by: "outcome" }),
    get<{ points: Point[] }>("series", { by: "model", bucket }),
    get<{ points: Point[] }>("series", { by: "outcome", bucket }),
    spread({ measure: "ttft", bucket }),
    spread({ measure: "speed", bucket }),
    spread({ measure: "ttft", by: "model" }),
    spread({ measure: "speed", by: "model" }),
    spread({ measure: "ttft" }),
    spread({ measure: "speed" }),
    eachModel && spread({ measure: "ttft", ...eachModel }),
    eachModel && spread({ measure: "speed", ...eachModel }),
    callers ? get<{ groups: Sums[] }>("totals", { by: "caller" }) : undefined,
    callers ? spread({ measure: "ttft", by: "caller" }) : undefined,
    streamsOf(question, "slowest", MOST_LISTED, signal),
    streamsOf(question, "failed", MOST_LISTED, signal),
    streamsOf(question, "latest", MOST_LISTED, signal),
  ]);
  return {
    complete: total.complete,
    total: total.groups[0] ?? NOTHING,
    byModel: byModel.groups,
    byOutcome: byOutcome.groups,
    byCaller: byCaller?.groups,
    modelSeries: modelSeries.points,
    outcomeSeries: outcomeSeries.points,
    ttft: ttft.points,
    speed: speed.points,
    apart: apartTtft && apartSpeed && { ttft: apartTtft.points, speed: apartSpeed.points },
    ttftByModel: ttftByModel.points,
    speedByModel: speedByModel.points,
    ttftByCaller: ttftByCaller?.points,
    medians: { ttft: allTtft.points[0]?.p50, speed: allSpeed.points[0]?.p50 },
    error: Math.max(ttft.error, speed.error),
    slowest,
    failed,
    latest,
  };
}

/** So many of a list's streams. */
export async function streamsOf(question: Question, list: keyof typeof LISTS, limit: number, signal: AbortSignal): Promise<StreamRow[]> {
  return (await about<{ streams: StreamRow[] }>(question, "streams", { ...LISTS[list], limit: String(limit) }, signal)).streams;
}

function about<T>({ project, span, ...only }: Question, what: string, more: Record<string, string>, signal: AbortSignal): Promise<T> {
  const range = { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString(), zone: zone() };
  const chosen = Object.entries(only).filter(([, value]) => value);
  return ask(`${path(project)}${what}/?${new URLSearchParams([...Object.entries({ ...range, ...more }), ...chosen]).toString()}`, { signal });
}

/** The projects that this person may look at, and in which they may see who asked. */
export async function readable(): Promise<ReadonlyMap<string, boolean>> {
  const { projects } = await ask<{ projects: Record<string, string[]> }>("/me/");
  const found = Object.entries(projects).filter(([, may]) => may.includes("read"));
  return new Map(found.map(([id, may]) => [id, may.includes("manage")]));
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
