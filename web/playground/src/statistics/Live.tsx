/** What runs now, with a way to end it. */

import { useEffect, useState } from "react";

import { Icon } from "../Icon";
import { liveStreams, stopStream, type LiveStream } from "./api";
import { time } from "./numbers";
import { useStatisticsWords } from "./words";

const EVERY_MS = 2000;

export function Live({ project }: { project: string }): React.JSX.Element {
  const words = useStatisticsWords();
  const [streams, again] = useLive(project);
  return (
    <section className="rounded-2xl border border-line bg-card p-4 shadow-sm" aria-label={words.live}>
      <h3 className="mb-1 flex items-center gap-2 text-sm font-semibold">
        <span className={`inline-block size-2 rounded-full ${streams?.length ? "pulse bg-accent" : "bg-line"}`} /> {words.live}
        {streams && <span className="font-normal tabular-nums text-quiet">{streams.length}</span>}
      </h3>
      {streams?.length === 0 && <p className="text-sm text-quiet">{words.nothingLive}</p>}
      <ul className="max-h-60 overflow-y-auto">
        {streams?.map((stream) => <Running key={stream.streamId} project={project} stream={stream} onStopped={again} />)}
      </ul>
    </section>
  );
}

function Running({ project, stream, onStopped }: { project: string; stream: LiveStream; onStopped: () => void }): React.JSX.Element {
  const words = useStatisticsWords();
  const [stopping, setStopping] = useState(false);
  const stop = (): void => {
    setStopping(true);
    stopStream(project, stream.streamId).then(onStopped, () => setStopping(false));
  };
  return (
    <li className="flex items-center gap-3 border-t border-line py-1.5 text-sm first:border-0">
      <span className="min-w-0 flex-1 truncate font-medium">{stream.model} <span className="font-normal text-quiet">{stream.provider}</span></span>
      <span className="shrink-0 text-xs tabular-nums text-quiet max-sm:hidden">{words.events} {stream.events}</span>
      <span className="shrink-0 text-xs tabular-nums text-quiet">{words.since} {time(Math.max(0, Date.now() - stream.created * 1000))}</span>
      <button className="button h-8 shrink-0 px-2.5 text-xs" type="button" disabled={stopping} onClick={stop}>
        <Icon name="stop" size={12} /> {stopping ? words.stopping : words.stop} <span className="sr-only">{stream.model}</span>
      </button>
    </li>
  );
}

/** Asked again and again while the page is seen; undefined before the first answer. */
function useLive(project: string): [readonly LiveStream[] | undefined, () => void] {
  const [streams, setStreams] = useState<readonly LiveStream[]>();
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      const found = document.hidden ? undefined : await liveStreams(project, leaving.signal).catch(() => undefined);
      if (leaving.signal.aborted) return;
      if (found) setStreams(found);
      timer = setTimeout(() => void look(), EVERY_MS);
    };
    void look();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [project, turn]);
  return [streams, () => setTurn((before) => before + 1)];
}
