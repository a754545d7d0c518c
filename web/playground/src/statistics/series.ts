/** What the API answers, as columns that a chart can draw: one value for each bucket, nothing left out. */

import type { Spread, Sums } from "./api";

/** `null`: nothing was measured there. */
export interface Bands {
  p10: (number | null)[];
  p25: (number | null)[];
  p50: (number | null)[];
  p75: (number | null)[];
  p90: (number | null)[];
  count: number[];
}

const SHARES = ["p10", "p25", "p50", "p75", "p90"] as const;

export function bandsOf(edges: readonly number[], points: readonly Spread[]): Bands {
  const empty = (): (number | null)[] => edges.map(() => null);
  const bands: Bands = { p10: empty(), p25: empty(), p50: empty(), p75: empty(), p90: empty(), count: edges.map(() => 0) };
  for (const point of points) {
    const at = placeOf(edges, point.at);
    if (at < 0) continue;
    for (const share of SHARES) bands[share][at] = point[share];
    bands.count[at] = point.count;
  }
  return bands;
}

export interface Line {
  name: string;
  values: (number | null)[];
}

/** The medians of those models that are asked most. */
export function linesOf(edges: readonly number[], points: readonly Spread[], most: number): Line[] {
  const counts = new Map<string, number>();
  for (const { provider, model, count } of points) counts.set(`${provider} ${model}`, (counts.get(`${provider} ${model}`) ?? 0) + count);
  const first = [...counts].sort((a, b) => b[1] - a[1]).slice(0, most).map(([key]) => key);
  return first.map((key) => {
    const own = points.filter(({ provider, model }) => `${provider} ${model}` === key);
    return { name: own[0]?.model ?? "", values: bandsOf(edges, own).p50 };
  });
}

export interface Layer {
  name: string;
  values: number[];
  total: number;
}

/** One layer for each group, the largest first; beyond `most` they are one, `others`. */
export function layersOf<P extends { at?: string | undefined }>(edges: readonly number[], points: readonly P[], nameOf: (point: P) => string, valueOf: (point: P) => number, most: number, others: string): Layer[] {
  const layers = new Map<string, Layer>();
  for (const point of points) {
    const at = placeOf(edges, point.at);
    const value = valueOf(point);
    if (at < 0 || !value) continue;
    const name = nameOf(point);
    const layer = layers.get(name) ?? { name, values: edges.map(() => 0), total: 0 };
    layer.values[at] = (layer.values[at] ?? 0) + value;
    layer.total += value;
    layers.set(name, layer);
  }
  const sorted = [...layers.values()].sort((a, b) => b.total - a.total);
  if (sorted.length <= most) return sorted;
  return [...sorted.slice(0, most - 1), together(sorted.slice(most - 1), others)];
}

function together(layers: readonly Layer[], name: string): Layer {
  const values = (layers[0]?.values ?? []).map((_, at) => layers.reduce((sum, layer) => sum + (layer.values[at] ?? 0), 0));
  return { name, values, total: layers.reduce((sum, { total }) => sum + total, 0) };
}

/** Each layer on top of those before it. */
export function stacked(layers: readonly Layer[]): number[][] {
  let below: number[] = [];
  return layers.map(({ values }) => (below = values.map((value, at) => value + (below[at] ?? 0))));
}

/** The bucket that a moment lies in; -1 outside. */
function placeOf(edges: readonly number[], at: string | undefined): number {
  const moment = Date.parse(at ?? "");
  if (!(moment >= (edges[0] ?? Infinity))) return -1;
  let low = 0;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] ?? Infinity) <= moment) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** What people compare of a model, or of whoever asks. */
export interface Compared {
  streams: number;
  failed: number;
  retries: number;
  ttft: Spread | undefined;
  tokens: number;
  cost: number;
  priced: number;
}

export interface ModelRow extends Compared {
  model: string;
  provider: string;
  speed: Spread | undefined;
}

export interface CallerRow extends Compared {
  caller: string;
  name: string;
  program: boolean;
}

const TOKEN = "token:"; // how the keys of programs begin

export function modelRows(sums: readonly Sums[], ttft: readonly Spread[], speed: readonly Spread[]): ModelRow[] {
  const of = (spreads: readonly Spread[], { provider, model }: Sums): Spread | undefined => spreads.find((each) => each.model === model && each.provider === provider);
  return sums.map((each) => ({ model: each.model ?? "", provider: each.provider ?? "", speed: of(speed, each), ...compared(each, of(ttft, each)) }));
}

/** Who spends most comes first. Empty where nobody signs in. */
export function callerRows(sums: readonly Sums[], ttft: readonly Spread[]): CallerRow[] {
  const rows = sums.flatMap((each) => {
    const { caller, name } = each;
    return caller ? [{ caller, name: name || caller, program: caller.startsWith(TOKEN), ...compared(each, ttft.find((spread) => spread.caller === caller)) }] : [];
  });
  return rows.sort((a, b) => b.cost - a.cost || b.tokens - a.tokens);
}

function compared(sums: Sums, ttft: Spread | undefined): Compared {
  const { streams, failed, attempts, inputTokens, outputTokens, cost, priced } = sums;
  return { streams, failed, retries: Math.max(0, attempts - streams), ttft, tokens: inputTokens + outputTokens, cost, priced };
}
