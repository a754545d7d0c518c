/** What a project's streams did: now, and in a range of time. */

import { HeadraceError } from "@headrace/client";
import { useCallback, useEffect, useMemo, useState } from "react";

import { problemTitle } from "../problems";
import { statisticsAddress, useRoute } from "../route";
import { useStore } from "../store";
import { useTheme } from "../theme";
import { useLanguage } from "../words";
import { statisticsOf, type Statistics as Answer } from "./api";
import { Chart } from "./Chart";
import { drawBands, drawLayers } from "./charts";
import { Live } from "./Live";
import { Models } from "./Models";
import { moment, money, share, short, speed, time, whole } from "./numbers";
import { outcomeColours, paletteOf, type Palette } from "./palette";
import { RANGES, isRange, spanOf, type Range, type Span } from "./range";
import { bandsOf, layersOf, modelRows, type Bands, type Layer, type ModelRow } from "./series";
import { StreamList, outcomeTitle } from "./StreamList";
import { Timeline } from "./Timeline";
import { useStatisticsWords } from "./words";

const EVERY_MS = 30_000;
const MOST_LAYERS = 6; // as many colours can be told apart
const GOOD = new Set(["stop", "length", "tool_calls", "cancelled", "content_filter"]);

export default function Statistics(): React.JSX.Element {
  const words = useStatisticsWords();
  const { given } = useRoute();
  const project = useStore((state) => (state.models ? state.project : undefined));
  const asked = given.get("range");
  const range: Range = isRange(asked) ? asked : "24h";
  const model = given.get("model") ?? "";
  const provider = given.get("provider") ?? "";
  const stream = given.get("stream");
  const kept = { range, model, provider };
  const { answer, span, failed, again } = useAnswer(project, range, provider, model);
  const go = (change: Record<string, string>): void => void (location.hash = statisticsAddress({ ...kept, ...change }));
  const choose = (row: ModelRow | undefined): void => go({ model: row?.model ?? "", provider: row?.provider ?? "" });
  return (
    <main className="min-h-0 flex-1 overflow-y-auto px-3 pb-6 md:px-4">
      <div className="mx-auto flex max-w-7xl flex-col gap-3">
        <div className="flex flex-wrap items-center gap-2 py-1">
          <h2 className="mr-auto text-lg font-semibold tracking-tight">{words.statistics}</h2>
          {model && <button className="button h-8 text-xs" type="button" onClick={() => choose(undefined)}>{model} ×</button>}
          <Ranges range={range} onChoose={(next) => go({ range: next })} />
        </div>
        {project && <Live project={project} />}
        {failed && <Failed problem={failed} onAgain={again} />}
        {!answer && !failed && <p className="py-16 text-center text-sm text-quiet" role="status">{words.loading}</p>}
        {answer && span && <Shown answer={answer} span={span} model={model} given={kept} onChoose={choose} />}
      </div>
      {stream && <Timeline id={stream} onClose={() => go({})} />}
    </main>
  );
}

function Ranges({ range, onChoose }: { range: Range; onChoose: (range: Range) => void }): React.JSX.Element {
  const words = useStatisticsWords();
  return (
    <div className="flex rounded-lg border border-line bg-card p-0.5" role="group" aria-label={words.range}>
      {RANGES.map((each) => (
        <button key={each} className={`button h-7 px-2.5 text-xs ${each === range ? "button-main" : "button-quiet"}`} type="button" aria-pressed={each === range} onClick={() => onChoose(each)}>{each.replace(/(\d+)/, "$1 ")}</button>
      ))}
    </div>
  );
}

interface Asked {
  answer: Answer | undefined;
  span: Span | undefined;
  failed: HeadraceError | undefined;
  again: () => void;
}

/** Asked again while the page is seen; what was there stays until something newer comes. */
function useAnswer(project: string | undefined, range: Range, provider: string, model: string): Asked {
  const [known, setKnown] = useState<{ answer: Answer; span: Span }>();
  const [failed, setFailed] = useState<HeadraceError>();
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (project === undefined) return undefined;
    const leaving = new AbortController();
    const span = spanOf(range, Date.now());
    statisticsOf(project, span, model ? { provider, model } : undefined, leaving.signal).then(
      (answer) => {
        setKnown({ answer, span });
        setFailed(undefined);
      },
      (error: unknown) => leaving.signal.aborted || setFailed(error instanceof HeadraceError ? error : new HeadraceError("unreachable", String(error))),
    );
    const timer = setInterval(() => document.hidden || setTurn((before) => before + 1), EVERY_MS);
    return () => {
      leaving.abort();
      clearInterval(timer);
    };
  }, [project, range, provider, model, turn]);
  return { answer: known?.answer, span: known?.span, failed, again: () => setTurn((before) => before + 1) };
}

function Failed({ problem, onAgain }: { problem: HeadraceError; onAgain: () => void }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  return (
    <div className="rounded-2xl border border-bad/30 bg-bad-soft px-4 py-3 text-sm" role="alert">
      <p className="font-semibold text-bad">{problem.code === "not_found" ? words.nothingThere : problemTitle(problem.code, language)}</p>
      <p className="mt-0.5 break-words">{problem.message}</p>
      <button className="button mt-2 h-8" type="button" onClick={onAgain}>{words.retryNow}</button>
    </div>
  );
}

interface ShownProps {
  answer: Answer;
  span: Span;
  model: string;
  given: Readonly<Record<string, string>>;
  onChoose: (row: ModelRow | undefined) => void;
}

function Shown({ answer, span, model, given, onChoose }: ShownProps): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const theme = useTheme();
  const { edges } = span;
  const ttft = useMemo(() => bandsOf(edges, answer.ttft), [edges, answer]);
  const pace = useMemo(() => bandsOf(edges, answer.speed), [edges, answer]);
  const tokens = useMemo(() => layersOf(edges, answer.modelSeries, modelOf, ({ inputTokens, outputTokens }) => inputTokens + outputTokens, MOST_LAYERS, words.others), [edges, answer, words]);
  const cost = useMemo(() => layersOf(edges, answer.modelSeries, modelOf, (point) => point.cost, MOST_LAYERS, words.others), [edges, answer, words]);
  const outcomes = useMemo(() => layersOf(edges, answer.outcomeSeries, ({ outcome }) => outcome ?? "", ({ streams }) => streams, MOST_LAYERS, words.others), [edges, answer, words]);
  const many = paletteOf(theme).many;
  const shortly = useCallback((value: number) => short(value, language), [language]);
  const wholly = useCallback((value: number) => whole(value, language), [language]);
  const rows = useMemo(() => modelRows(answer.byModel, answer.ttftByModel, answer.speedByModel), [answer]);
  if (!answer.total.streams) return <p className="rounded-2xl border border-line bg-card py-16 text-center text-sm text-quiet">{words.empty}</p>;
  return (
    <>
      <Tiles answer={answer} />
      <section className="grid gap-3 lg:grid-cols-2" aria-label={words.charts}>
        <BandChart title={words.firstToken} hint={model} span={span} bands={ttft} say={time} />
        <BandChart title={words.speed} hint={`${words.speedUnit}${model && ` · ${model}`}`} span={span} bands={pace} say={speed} />
        <LayerChart title={words.tokens} hint={words.tokensHint} span={span} layers={tokens} colours={many} say={shortly} />
        <LayerChart title={words.cost} hint={words.byModel} span={span} layers={cost} colours={many} say={money} />
        <LayerChart title={words.outcomes} span={span} layers={outcomes} colours={outcomeColours(outcomes.map(({ name }) => name), theme)} say={wholly} named={(name) => outcomeTitle(name, language, words)} />
        <Models rows={rows} chosen={model} onChoose={onChoose} />
        <StreamList title={words.slowest} rows={answer.slowest} given={given} />
        <StreamList title={words.failedStreams} rows={answer.failed} given={given} />
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

function Tiles({ answer }: { answer: Answer }): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const { total } = answer;
  const failed = answer.byOutcome.filter(({ outcome }) => !GOOD.has(outcome ?? "")).reduce((sum, { streams }) => sum + streams, 0);
  const shown: [string, string, string?][] = [
    [words.streams, whole(total.streams, language)],
    [words.failed, share(failed, total.streams), failed ? whole(failed, language) : ""],
    [words.firstToken, answer.medians.ttft === undefined ? "–" : time(answer.medians.ttft), words.median],
    [words.speed, answer.medians.speed === undefined ? "–" : speed(answer.medians.speed), words.speedUnit],
    [words.tokens, short(total.inputTokens + total.outputTokens, language), `${short(total.inputTokens, language)} ${words.inTokens} · ${short(total.outputTokens, language)} ${words.outTokens}`],
    [words.cost, total.priced ? money(total.cost) : "–", total.priced && total.priced < total.streams ? `${whole(total.priced, language)} ${words.count}` : ""],
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

interface BandsShown {
  title: string;
  hint: string;
  span: Span;
  bands: Bands;
  say: (value: number) => string;
}

function BandChart({ title, hint, span, bands, say }: BandsShown): React.JSX.Element {
  const words = useStatisticsWords();
  const palette = paletteOf(useTheme());
  const draw = useCallback((middles: readonly number[], colours: Palette) => drawBands(bands, middles, colours), [bands]);
  const columns = [
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
  return <Chart title={title} hint={hint} span={span} columns={columns} legend={legend} say={say} draw={draw} />;
}

interface LayersShown {
  title: string;
  hint?: string;
  span: Span;
  layers: readonly Layer[];
  colours: readonly string[];
  say: (value: number) => string;
  named?: (name: string) => string;
}

function LayerChart({ title, hint, span, layers, colours, say, named }: LayersShown): React.JSX.Element {
  const key = colours.join();
  const draw = useCallback((middles: readonly number[]) => drawLayers(layers, key.split(","), middles), [layers, key]);
  const columns = layers.map(({ name, values, total }, at) => ({ name: named?.(name) ?? name, colour: colours[at] ?? "", values, total: say(total) }));
  return <Chart title={title} hint={hint} span={span} columns={columns} say={say} draw={draw} />;
}
