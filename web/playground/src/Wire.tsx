/** What went to the provider, without its key, and what came back, beside the events that were made of it. */

import { useEffect, useState } from "react";

import { streamText, streamWire } from "./api";
import { Block } from "./Block";
import { download } from "./download";
import { Icon } from "./Icon";
import { requestOf, type Turn } from "./state";
import { useStore } from "./store";
import { bodyOf, eventsOf, expected, rowsOf, type Attempt, type Row, type Wire as Kept } from "./wire";
import { useWords } from "./words";

const MOST_ROWS = 400; // more is in the files: nobody reads on, and each row costs
const MOST_OF_ONE = 4_000; // characters of a frame

interface Known {
  wire: Kept | undefined;
  events: string;
}

export function Wire({ turns }: { turns: readonly Turn[] }): React.JSX.Element {
  const words = useWords();
  const known = useKnown(turns.at(-1)?.streamId);
  if (!known) return <p className="text-sm text-quiet" role="status">{words.testing}</p>;
  if (!known.wire) return <Gone turns={turns} events={known.events} />;
  return <There turn={turns.at(-1) as Turn} wire={known.wire} events={known.events} />;
}

function useKnown(id: string | undefined): Known | undefined {
  const project = useStore((state) => state.project);
  const [known, setKnown] = useState<Known>();
  useEffect(() => {
    const leaving = new AbortController();
    const nothing = (): undefined => undefined;
    const asked = id ? Promise.all([streamWire(project, id).catch(nothing), streamText(project, id, leaving.signal).catch(nothing)]) : Promise.resolve([undefined, undefined] as const);
    void asked.then(([wire, events]) => leaving.signal.aborted || setKnown({ wire, events: events ?? "" }));
    return () => leaving.abort();
  }, [project, id]);
  return known;
}

/** What this page itself still knows. */
function Gone({ turns, events }: { turns: readonly Turn[]; events: string }): React.JSX.Element {
  const words = useWords();
  return (
    <div>
      <p className="mb-2 text-sm text-quiet" role="status">{words.noWire}</p>
      <Block title={words.request} text={JSON.stringify(requestOf(turns), null, 2)} file="request.json" />
      {events && <Block title={words.events} text={events} file="events.txt" />}
    </div>
  );
}

function There({ turn, wire, events }: { turn: Turn; wire: Kept; events: string }): React.JSX.Element {
  const words = useWords();
  const data = eventsOf(events);
  return (
    <div>
      <p className="mb-2 text-sm text-quiet">{words.wireHint}</p>
      {wire.cut && <p className="mb-2 rounded-lg bg-soft px-3 py-1.5 text-sm" role="status">{words.wireCut}</p>}
      {wire.attempts.map((attempt, at) => (
        <section key={at} className="mb-4" aria-label={`${words.attempt} ${at + 1}`}>
          <h3 className="mb-1.5 flex flex-wrap items-baseline gap-x-2 text-sm font-semibold">
            {wire.attempts.length > 1 && <span>{words.attempt} {at + 1}</span>}
            <code className="break-all text-xs font-normal text-quiet">{attempt.request.method} {attempt.request.url}</code>
            <Outcome attempt={attempt} />
          </h3>
          {differs(attempt, wire.attempts[at - 1]) && <Block title={words.request} text={requestText(attempt)} file="request.txt" />}
          <Rows rows={rowsOf(wire, at, data)} />
        </section>
      ))}
      <div className="flex flex-wrap gap-2">
        {wire.attempts.some(({ frames }) => frames.length) && <Fixture turn={turn} wire={wire} />}
        {events && <Save name="events.txt" onClick={() => download("events.txt", events)} />}
      </div>
    </div>
  );
}

function Outcome({ attempt }: { attempt: Attempt }): React.JSX.Element {
  const { response, error } = attempt;
  return <span className={`text-xs font-normal tabular-nums ${error ? "text-bad" : "text-quiet"}`}>{response?.status} {error?.code} {response && `${Math.round(response.atMs - attempt.atMs)} ms`}</span>;
}

/** Most attempts send again what was sent before. */
function differs(attempt: Attempt, before: Attempt | undefined): boolean {
  return !before || requestText(attempt) !== requestText(before);
}

function requestText({ request }: Attempt): string {
  const head = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  return [...head, "", pretty(request.body)].join("\n");
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function Rows({ rows }: { rows: readonly Row[] }): React.JSX.Element | null {
  const words = useWords();
  if (!rows.length) return null;
  const cell = "whitespace-pre-wrap break-all px-2 py-1 align-top font-mono text-xs leading-5";
  return (
    <div className="max-h-[min(28rem,45dvh)] overflow-auto rounded-xl border border-line" tabIndex={0} role="region" aria-label={words.wire}>
      <table className="w-full min-w-[38rem] table-fixed border-collapse text-left">
        <thead className="sticky top-0 bg-soft text-xs text-quiet">
          <tr>
            <th className="w-16 px-2 py-1 font-medium" scope="col">{words.wireTime}</th>
            <th className="px-2 py-1 font-medium" scope="col">{words.upstreamFrames}</th>
            <th className="px-2 py-1 font-medium" scope="col">{words.hostEvents}</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map(({ atMs, frame, events }, at) => (
            <tr key={at} className="border-t border-line">
              <td className="px-2 py-1 align-top text-xs tabular-nums text-quiet">{Math.round(atMs)} ms</td>
              <td className={cell}>{brief(frame.trim())}</td>
              <td className={cell}>{brief(events.join("\n"))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && <p className="border-t border-line px-2 py-1 text-xs text-quiet">{rows.length - MOST_ROWS} {words.moreRows}</p>}
    </div>
  );
}

function brief(text: string): string {
  return text.length > MOST_OF_ONE ? `${text.slice(0, MOST_OF_ONE)}…` : text;
}

/** The two files of a test for this provider. */
function Fixture({ turn, wire }: { turn: Turn; wire: Kept }): React.JSX.Element {
  const words = useWords();
  const provider = useStore((state) => state.models?.find(({ configId }) => configId === turn.configId)?.providerId) ?? "";
  const read = (): string => `${JSON.stringify(expected(provider, turn.answer), null, 2)}\n`;
  return (
    <span className="flex flex-wrap items-center gap-2" title={words.fixtureHint}>
      <span className="text-sm text-quiet">{words.asFixture}:</span>
      <Save name="answer.stream" onClick={() => download("answer.stream", bodyOf(wire))} />
      <Save name="answer.json" onClick={() => download("answer.json", read())} />
    </span>
  );
}

function Save({ name, onClick }: { name: string; onClick: () => void }): React.JSX.Element {
  return <button className="button h-8 text-xs" type="button" onClick={onClick}><Icon name="down" size={13} /> {name}</button>;
}
