/** The answer: its figures, charts, tables and lists. */

import { useCallback, useMemo } from "react";

import { useTheme } from "../theme";
import { useLanguage } from "../words";
import type { Question, Spread, Statistics as Answer } from "./api";
import { Chart, Small } from "./Chart";
import { drawBands, drawLayers, drawLines } from "./charts";
import { Callers, Models } from "./Comparison";
import type { Looking } from "./looking";
import { moment, money, short, speed, time, whole } from "./numbers";
import { coloursOf, outcomeColours, paletteOf, type Palette } from "./palette";
import { closer, type Span } from "./range";
import { bandsOf, callerRows, layersOf, linesOf, modelRows, type Layer } from "./series";
import { StreamList, outcomeTitle } from "./StreamList";
import { Tiles } from "./Tiles";
import { useStatisticsWords } from "./words";

const MOST_LAYERS = 6; // as many colours can be told apart
const MOST_OUTCOMES = 10; // each failure is worth a look

export function Shown({ answer, question, looking }: { answer: Answer; question: Question; looking: Looking }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const theme = useTheme();
  const { span } = question;
  const { edges } = span;
  const { given, looked, go, look } = looking;
  const tokens = useMemo(() => layersOf(edges, answer.modelSeries, modelOf, ({ inputTokens, outputTokens }) => inputTokens + outputTokens, MOST_LAYERS, words.others), [edges, answer, words]);
  const cost = useMemo(() => layersOf(edges, answer.modelSeries, modelOf, (point) => point.cost, MOST_LAYERS, words.others), [edges, answer, words]);
  const outcomes = useMemo(() => layersOf(edges, answer.outcomeSeries, ({ outcome }) => outcome ?? "", ({ streams }) => streams, MOST_OUTCOMES, words.others), [edges, answer, words]);
  const palette = paletteOf(theme);
  const shortly = useCallback((value: number) => short(value, language), [language]);
  const wholly = useCallback((value: number) => whole(value, language), [language]);
  const models = useMemo(() => modelRows(answer.byModel, answer.ttftByModel, answer.speedByModel), [answer]);
  const ranked = useMemo(() => models.map(({ model }) => model), [models]);
  const callers = useMemo(() => callerRows(answer.byCaller ?? [], answer.ttftByCaller ?? []), [answer]);
  if (!answer.total.streams) return <p className="rounded-2xl border border-line bg-card py-16 text-center text-sm text-quiet">{words.empty}</p>;
  const isClosest = closer(looked.range, 0) === undefined;
  const onChoose = isClosest ? undefined : (edge: number): void => look(closer(looked.range, edge) ?? looked);
  const apart = given.model ? undefined : <Small of={words.charts} name={words.byModel} pressed={given.apart !== ""} onClick={() => go({ apart: given.apart ? "" : "model" })} />;
  const times = { span, onChoose, apart, ranked };
  const coloured = (layers: readonly Layer[]): string[] => coloursOf(layers.map(({ name }) => name), ranked, palette);
  const layered = { span, onChoose };
  return (
    <>
      <Tiles answer={answer} />
      <section className="grid gap-3 lg:grid-cols-2" aria-label={words.charts}>
        <TimesChart {...times} title={words.firstToken} hint={answer.apart ? words.apartHint : given.model} unit="ms" points={answer.ttft} models={answer.apart?.ttft} say={time} />
        <TimesChart {...times} title={words.speed} hint={answer.apart ? `${words.speedUnit} · ${words.median}` : words.speedUnit} unit={words.speedUnit} points={answer.speed} models={answer.apart?.speed} say={speed} />
        <LayerChart {...layered} title={words.tokens} hint={words.tokensHint} unit={words.tokens} layers={tokens} colours={coloured(tokens)} say={shortly} />
        <LayerChart {...layered} title={words.cost} hint={words.byModel} unit="USD" layers={cost} colours={coloured(cost)} say={money} />
        <LayerChart {...layered} wide={callers.length === 0} title={words.outcomes} unit={words.streams} layers={outcomes} colours={outcomeColours(outcomes.map(({ name }) => name), theme)} say={wholly} named={(name) => outcomeTitle(name, language, words)} />
        {callers.length > 0 && <Callers rows={callers} chosen={given.caller} onChoose={(row) => go({ caller: row?.caller ?? "" })} />}
        <Models rows={models} chosen={given} onChoose={(row) => go({ model: row?.model ?? "", provider: row?.provider ?? "" })} />
      </section>
      <section className="grid gap-3 lg:grid-cols-3" aria-label={words.lists}>
        <StreamList title={words.failedStreams} list="failed" question={question} rows={answer.failed} given={given} />
        <StreamList title={words.slowest} list="slowest" question={question} rows={answer.slowest} given={given} />
        <StreamList title={words.latest} list="latest" question={question} rows={answer.latest} given={given} />
      </section>
      <p className="text-xs text-quiet">
        {words.updated} {moment(span.to, language, true)}{answer.error > 0 && ` · ${words.sketched} ±${(answer.error * 100).toFixed(0)} %`}{!answer.complete && ` · ${words.incomplete}`}
      </p>
    </>
  );
}

function modelOf({ model }: { model?: string }): string {
  return model ?? "";
}

interface TimesShown {
  title: string;
  hint: string;
  unit: string;
  span: Span;
  points: readonly Spread[];
  /** Those of each model, where they are wanted. */
  models: readonly Spread[] | undefined;
  /** The models in the order of their colours. */
  ranked: readonly string[];
  say: (value: number) => string;
  onChoose: ((edge: number) => void) | undefined;
  apart: React.ReactNode;
}

/** Bands of all streams, or a median for each model: the one that is slow alone is slow at its provider. */
function TimesChart({ points, models, ranked, apart, ...shown }: TimesShown): React.JSX.Element {
  const words = useStatisticsWords();
  const palette = paletteOf(useTheme());
  const { edges } = shown.span;
  const bands = useMemo(() => bandsOf(edges, points), [edges, points]);
  const lines = useMemo(() => models && linesOf(edges, models, MOST_LAYERS), [edges, models]);
  const draw = useCallback(
    (middles: readonly number[], colours: Palette) => (lines ? drawLines(lines.map(({ values }) => values), coloursOf(lines.map(({ name }) => name), ranked, colours), middles) : drawBands(bands, middles, colours)),
    [bands, lines, ranked],
  );
  const own = coloursOf(lines?.map(({ name }) => name) ?? [], ranked, palette);
  const columns = lines?.map(({ name, values }, at) => ({ name, values, colour: own[at] ?? "" })) ?? [
    { name: words.median, colour: palette.accent, values: bands.p50 },
    { name: "25 %", colour: palette.narrow, values: bands.p25 },
    { name: "75 %", colour: palette.narrow, values: bands.p75 },
    { name: "10 %", colour: palette.wide, values: bands.p10 },
    { name: "90 %", colour: palette.wide, values: bands.p90 },
  ];
  const legend = [
    { name: words.median, colour: palette.accent },
    { name: words.band50, colour: palette.narrow },
    { name: words.band80, colour: palette.wide },
  ];
  return <Chart {...shown} columns={columns} {...(lines ? {} : { legend })} draw={draw}>{apart}</Chart>;
}

interface LayersShown {
  title: string;
  hint?: string;
  unit: string;
  span: Span;
  layers: readonly Layer[];
  colours: readonly string[];
  say: (value: number) => string;
  named?: (name: string) => string;
  onChoose: ((edge: number) => void) | undefined;
  wide?: boolean;
}

function LayerChart({ layers, colours, named, ...shown }: LayersShown): React.JSX.Element {
  const key = colours.join();
  const draw = useCallback((middles: readonly number[]) => drawLayers(layers, key.split(","), middles), [layers, key]);
  const columns = layers.map(({ name, values, total }, at) => ({ name: named?.(name) ?? name, colour: colours[at] ?? "", values, total: shown.say(total) }));
  return <Chart {...shown} columns={columns} draw={draw} />;
}
