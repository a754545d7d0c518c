/** What is looked at: project, time, and what alone. */

import { useLanguage } from "../words";
import type { Looking } from "./looking";
import { moment } from "./numbers";
import { RANGES, around, beside, spanOf } from "./range";
import { useStatisticsWords } from "./words";

interface Shown extends Pick<Looking, "given" | "looked" | "go" | "look"> {
  projects: readonly string[];
  project: string | undefined;
  /** Of the caller that is chosen, as far as it is known. */
  callerName: string;
}

export function Head({ given, looked, go, look, projects, project, callerName }: Shown): React.JSX.Element {
  const words = useStatisticsWords();
  return (
    <div className="flex flex-wrap items-center gap-2 py-1">
      <h2 className="mr-auto text-lg font-semibold tracking-tight">{words.statistics}</h2>
      {given.model && <Chip name={given.model} onClick={() => go({ model: "", provider: "" })} />}
      {given.caller && <Chip name={callerName} onClick={() => go({ caller: "" })} />}
      {projects.length > 1 && (
        <select className="field h-9 w-auto py-0" aria-label={words.project} value={project} onChange={(event) => go({ project: event.target.value, model: "", provider: "", caller: "" })}>
          {projects.map((each) => <option key={each}>{each}</option>)}
        </select>
      )}
      {looked.to === undefined ? <Moment look={look} /> : <Then looked={looked} look={look} />}
      <div className="flex rounded-lg border border-line bg-card p-0.5" role="group" aria-label={words.range}>
        {RANGES.map((each) => {
          const chosen = each === looked.range && looked.to === undefined;
          return <button key={each} className={`button h-7 px-2.5 text-xs ${chosen ? "button-main" : "button-quiet"}`} type="button" aria-pressed={chosen} onClick={() => look({ range: each })}>{each.replace(/(\d+)/, "$1 ")}</button>;
        })}
      </div>
    </div>
  );
}

function Chip({ name, onClick }: { name: string; onClick: () => void }): React.JSX.Element {
  const words = useStatisticsWords();
  return <button className="button h-8 max-w-56 text-xs" type="button" onClick={onClick}><span className="truncate">{name}</span> <span aria-hidden="true">×</span><span className="sr-only">{words.all}</span></button>;
}

/** The way to a moment that somebody names; the field is in their own time and spelling. */
function Moment({ look }: Pick<Shown, "look">): React.JSX.Element {
  const words = useStatisticsWords();
  const go = ({ target }: React.FocusEvent<HTMLInputElement>): void => {
    if (target.value) look(around(new Date(target.value).getTime()));
  };
  return <input className="field h-9 w-44 px-2 py-0 text-xs text-quiet max-sm:min-w-0 max-sm:flex-1" type="datetime-local" aria-label={words.moment} title={words.moment} onBlur={go} onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()} />;
}

/** A time that is over, with the way to those before and after it and back to now. */
function Then({ looked, look }: Pick<Shown, "looked" | "look">): React.JSX.Element {
  const words = useStatisticsWords();
  const language = useLanguage();
  const { from, to } = spanOf(looked.range, looked.to ?? Date.now());
  const step = (by: -1 | 1): void => look(beside(looked, by, Date.now()));
  const sameDay = new Date(from).toDateString() === new Date(to).toDateString();
  return (
    <div className="flex items-center rounded-lg border border-line bg-card p-0.5 text-xs tabular-nums" role="group" aria-label={words.time}>
      <button className="button button-quiet h-7 px-2" type="button" aria-label={words.earlier} onClick={() => step(-1)}>‹</button>
      <span className="px-1">{moment(from, language, true)} – {moment(to, language, !sameDay)}</span>
      <button className="button button-quiet h-7 px-2" type="button" aria-label={words.later} onClick={() => step(1)}>›</button>
      <button className="button button-quiet h-7 px-2" type="button" onClick={() => look({ range: RANGES.find((each) => each === looked.range) ?? "1h" })}>{words.now}</button>
    </div>
  );
}

