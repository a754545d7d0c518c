/** How the kinds of charts are drawn: bands of percentiles, lines, and layers on top of one another. */

import uPlot from "uplot";

import type { Drawing } from "./Chart";
import type { Palette } from "./palette";
import type { Bands, Layer } from "./series";
import { stacked } from "./series";

const BAR_SHARE = 0.82; // of a bucket's width
const WIDEST_BAR = 40; // pixels
const NARROWEST_BAR = 2;
const MOST_POINTS = 40;

/** A box for each bucket: 10 to 90 % wide, 25 to 75 % inside, and the median as a line. A bucket alone is seen too. */
export function drawBands(bands: Bands, middles: readonly number[], palette: Palette): Drawing {
  const hidden = { paths: () => null, points: { show: false } };
  return {
    data: [[...middles], bands.p90, bands.p50],
    series: [hidden, { stroke: palette.accent, width: 1.5, spanGaps: false, points: { show: true, size: 4, fill: palette.accent, filter: () => lonely(bands.p50) } }],
    below: (chart) => {
      boxes(chart, middles, bands.p10, bands.p90, palette.wide);
      boxes(chart, middles, bands.p25, bands.p75, palette.narrow);
    },
  };
}

/** One line for each of a few: what makes one of them differ from the others. */
export function drawLines(lines: readonly (readonly (number | null)[])[], colours: readonly string[], middles: readonly number[]): Drawing {
  return {
    data: [[...middles], ...lines.map((line) => [...line])],
    series: lines.map((line, at) => ({ stroke: colours[at] ?? "", width: 1.5, spanGaps: false, points: { show: true, size: 4, fill: colours[at] ?? "", filter: () => lonely(line) } })),
  };
}

/** Those that no line leads to: they would not be seen. Few points are all shown. */
function lonely(values: readonly (number | null)[]): number[] {
  const all = values.length <= MOST_POINTS;
  return values.flatMap((value, at) => (value !== null && (all || ((values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null)) ? [at] : []));
}

function boxes(chart: uPlot, middles: readonly number[], low: readonly (number | null)[], high: readonly (number | null)[], colour: string): void {
  const { ctx } = chart;
  const width = barWidth(chart, middles);
  ctx.save();
  ctx.fillStyle = colour;
  middles.forEach((middle, at) => {
    const [from, to] = [low[at], high[at]];
    if (from == null || to == null) return;
    const top = chart.valToPos(to, "y", true);
    const height = Math.max(2, chart.valToPos(from, "y", true) - top);
    ctx.fillRect(chart.valToPos(middle, "x", true) - width / 2, top, width, height);
  });
  ctx.restore();
}

function barWidth(chart: uPlot, middles: readonly number[]): number {
  const step = middles.length > 1 ? chart.valToPos(middles[1] ?? 0, "x", true) - chart.valToPos(middles[0] ?? 0, "x", true) : WIDEST_BAR;
  return Math.max(NARROWEST_BAR, Math.min(WIDEST_BAR * devicePixelRatio, step * BAR_SHARE));
}

/** Bars, the tallest drawn first, so that each layer stands on those before it. */
export function drawLayers(layers: readonly Layer[], colours: readonly string[], middles: readonly number[]): Drawing {
  const heights = stacked(layers);
  const bars = uPlot.paths.bars?.({ size: [BAR_SHARE, WIDEST_BAR, NARROWEST_BAR] });
  const order = layers.map((_, at) => at).reverse();
  return {
    data: [[...middles], ...order.map((at) => heights[at] ?? [])],
    series: order.map((at) => ({ fill: colours[at] ?? "", width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) })),
  };
}
