/**
 * One chart over time: drawn by uPlot, read by keyboard and screen reader point by point, with its table behind.
 * The lines of the table are what is read out, so that nobody is told less.
 */

import "uplot/dist/uPlot.min.css";

import { useEffect, useId, useMemo, useRef, useState } from "react";
import uPlot from "uplot";

import { useTheme } from "../theme";
import { useLanguage, type Language } from "../words";
import { saveCsv } from "./csv";
import { moment } from "./numbers";
import { paletteOf, type Palette } from "./palette";
import type { Span } from "./range";
import { useStatisticsWords } from "./words";

export interface Meant {
  name: string;
  colour: string;
  total?: string | undefined;
}

export interface Column extends Meant {
  values: readonly (number | null)[];
}

export interface Drawing {
  data: uPlot.AlignedData;
  series: uPlot.Series[];
  /** Drawn below the series. */
  below?: (chart: uPlot) => void;
}

interface Charted {
  title: string;
  hint?: string | undefined;
  span: Span;
  columns: readonly Column[];
  /** What the colours mean; the columns themselves, when left out. */
  legend?: readonly Meant[];
  /** Of the values, in the file. */
  unit: string;
  say: (value: number) => string;
  draw: (middles: readonly number[], palette: Palette) => Drawing;
  wide?: boolean | undefined;
  /** Look closer at the bucket that begins then. */
  onChoose?: ((edge: number) => void) | undefined;
  /** More buttons. */
  children?: React.ReactNode;
}

const HEIGHT = 210; // pixels

export function Chart(shown: Charted): React.JSX.Element {
  const { title, hint, span, columns, legend, unit, say } = shown;
  const words = useStatisticsWords();
  const [asTable, setAsTable] = useState(false);
  const name = useId();
  const save = (): void => saveCsv(title, [`${words.time} (UTC)`, ...columns.map((column) => `${column.name} (${unit})`)], span.edges.map((edge, at) => [new Date(edge).toISOString(), ...columns.map(({ values }) => values[at])]));
  const empty = !columns.some(({ values }) => values.some((value) => value !== null && value > 0));
  return (
    <figure className={`min-w-0 rounded-2xl border border-line bg-card p-4 shadow-sm ${shown.wide ? "lg:col-span-2" : ""}`} aria-labelledby={name}>
      <figcaption className="mb-2 flex items-baseline gap-2">
        <h3 id={name} className="shrink-0 text-sm font-semibold">{title}</h3>
        {hint && <span className="min-w-0 truncate text-xs text-quiet" title={hint}>{hint}</span>}
        <span className="ml-auto flex shrink-0">
          {shown.children}
          {!empty && <Small of={title} name={asTable ? words.chart : words.table} onClick={() => setAsTable(!asTable)} />}
          {!empty && <Small of={title} name="CSV" onClick={save} />}
        </span>
      </figcaption>
      {empty ? <p className="flex h-52 items-center justify-center text-sm text-quiet">{words.noStreams}</p> : asTable ? <Table title={title} span={span} columns={columns} say={say} /> : <Drawn {...shown} />}
      {!empty && <Legend meant={legend ?? columns} />}
    </figure>
  );
}

/** A button in the head of a card. */
export function Small({ of, name, pressed, onClick }: { of: string; name: string; pressed?: boolean; onClick: () => void }): React.JSX.Element {
  return <button className={`button h-7 px-2 text-xs ${pressed ? "bg-tint" : "button-quiet"}`} type="button" aria-pressed={pressed} onClick={onClick}><span className="sr-only">{of}: </span>{name}</button>;
}

function Legend({ meant }: { meant: readonly Meant[] }): React.JSX.Element {
  return (
    <ul className="mt-1 flex flex-wrap gap-x-3 gap-y-1 text-xs text-quiet">
      {meant.map(({ name, colour, total }) => (
        <li key={name} className="flex min-w-0 items-center gap-1.5">
          <svg className="shrink-0" aria-hidden="true" width="10" height="10"><rect width="10" height="10" rx="2" fill={colour} /></svg>
          <span className="truncate">{name}</span> {total && <span className="tabular-nums text-text">{total}</span>}
        </li>
      ))}
    </ul>
  );
}

function Drawn({ title, span, columns, say, draw, onChoose }: Charted): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const theme = useTheme();
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const [at, setAt] = useState<number>();
  const [byKey, setByKey] = useState(false);
  const byFinger = useRef(false); // a tap reads; a click looks closer, since a mouse has read by then
  const middles = useMemo(() => middlesOf(span), [span]);
  useEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const palette = paletteOf(theme);
    const drawing = draw(middles, palette);
    const made = new uPlot(optionsOf(place.clientWidth, drawing, span, palette, language, say, (index) => setAt(index)), drawing.data, place);
    chart.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: HEIGHT }));
    resized.observe(place);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [draw, middles, span, theme, language, say]);
  const choose = (index: number | undefined | null): void => {
    const edge = span.edges[index ?? -1];
    if (edge !== undefined) onChoose?.(edge);
  };
  const go = (event: React.KeyboardEvent): void => {
    if (event.key === "Enter") return choose(at);
    const next = moved(event.key, at, middles.length);
    if (next === undefined) return;
    event.preventDefault();
    setByKey(true);
    setAt(next);
    const made = chart.current;
    made?.setCursor({ left: made.valToPos(middles[next] ?? 0, "x"), top: HEIGHT / 2 }, false);
  };
  return (
    <>
      <div ref={box} className={`chart rounded-lg ${onChoose ? "cursor-zoom-in" : ""}`} tabIndex={0} role="group" aria-label={`${title}. ${words.keysHint} ${onChoose ? words.closerHint : ""}`} onKeyDown={go} onPointerDown={(event) => (byFinger.current = event.pointerType !== "mouse")} onClick={() => byFinger.current || choose(chart.current?.cursor.idx)} onPointerMove={() => setByKey(false)} onBlur={() => setAt(undefined)} />
      <div className="mt-1 flex min-h-5 items-start gap-2 text-xs">
        <p className="min-w-0 flex-1 tabular-nums text-text" aria-live={byKey ? "polite" : "off"}>{at !== undefined && line(at, span, columns, say, language)}</p>
        {at !== undefined && onChoose && <button className="button h-7 shrink-0 px-2 text-xs pointer-fine:hidden" type="button" onPointerDown={(event) => event.preventDefault()} onClick={() => choose(at)}>{words.closer}</button>}
      </div>
    </>
  );
}

/** Where the keys lead from here; undefined for those that lead nowhere. */
export function moved(key: string, at: number | undefined, count: number): number | undefined {
  const last = count - 1;
  switch (key) {
    case "ArrowRight":
      return Math.min(last, (at ?? -1) + 1);
    case "ArrowLeft":
      return Math.max(0, (at ?? count) - 1);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return undefined;
  }
}

function line(at: number, span: Span, columns: readonly Column[], say: (value: number) => string, language: Language): string {
  const values = columns.flatMap(({ name, values }) => {
    const value = values[at];
    return value === null || value === undefined || value === 0 ? [] : [`${name} ${say(value)}`];
  });
  return [named(at, span, language), ...(values.length ? values : ["–"])].join(" · ");
}

function named(at: number, span: Span, language: Language): string {
  const edge = span.edges[at] ?? 0;
  if (span.bucket === "day") return new Date(edge).toLocaleDateString(language, { weekday: "short", month: "short", day: "numeric" });
  return moment(edge, language, span.bucket === "hour" || span.edges.length > 90);
}

function Table({ title, span, columns, say }: Pick<Charted, "title" | "span" | "columns" | "say">): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const rows = span.edges.map((_, at) => at).filter((at) => columns.some(({ values }) => (values[at] ?? 0) !== 0));
  return (
    <div className="h-56 overflow-auto rounded-lg border border-line" tabIndex={0} role="region" aria-label={`${title}: ${words.table}`}>
      <table className="w-full text-right text-xs tabular-nums">
        <thead className="sticky top-0 bg-soft text-quiet">
          <tr>
            <th className="px-2 py-1 text-left font-medium" scope="col">{words.time}</th>
            {columns.map(({ name }) => <th key={name} className="px-2 py-1 font-medium" scope="col">{name}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.map((at) => (
            <tr key={at} className="border-t border-line">
              <th className="whitespace-nowrap px-2 py-1 text-left font-normal text-quiet" scope="row">{named(at, span, language)}</th>
              {columns.map(({ name, values }) => <td key={name} className="px-2 py-1">{values[at] === null || values[at] === undefined ? "–" : say(values[at])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The middle of each bucket in seconds, as uPlot counts. */
function middlesOf({ edges, to }: Span): number[] {
  return edges.map((edge, at) => (edge + (edges[at + 1] ?? to)) / 2000);
}

function optionsOf(width: number, drawing: Drawing, span: Span, palette: Palette, language: Language, say: (value: number) => string, onIndex: (index: number | undefined) => void): uPlot.Options {
  const axis = { stroke: palette.text, grid: { stroke: palette.line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width,
    height: HEIGHT,
    padding: [8, 22, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } },
    scales: { x: { time: true, range: () => [span.from / 1000, span.to / 1000] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: (_, ticks) => ticks.map((tick) => (span.bucket === "hour" || span.bucket === "day" ? new Date(tick * 1000).toLocaleDateString(language, { month: "short", day: "numeric" }) : moment(tick * 1000, language, false))) },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === 0 ? "0" : say(tick))) },
    ],
    series: [{}, ...drawing.series],
    hooks: {
      drawAxes: [(chart) => drawing.below?.(chart)],
      setCursor: [(chart) => chart.cursor.idx !== undefined && onIndex(chart.cursor.idx ?? undefined)],
    },
  };
}
