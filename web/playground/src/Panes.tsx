/** The panes: beside each other where there is room; on a phone one at a time, swiped, with a strip that names them all. */

import { useEffect, useRef, useState } from "react";

import { PaneView } from "./PaneView";
import { MOST_PANES, isRunning, namesHidden, type Pane } from "./state";
import { useStore } from "./store";
import { filling, useWords } from "./words";

const WIDTHS = ["", "beside:grid-cols-1", "beside:grid-cols-2", "beside:grid-cols-2 beside:xl:grid-cols-3", "beside:grid-cols-2 beside:2xl:grid-cols-4"];
const MOST_OF_IT = 0.6; // a pane of which that much is seen is the one that is looked at

interface Opening {
  onAdd: (paneId: string) => void;
  onModels: () => void;
  onCode: (turnId: string) => void;
  onSettings: (paneId: string) => void;
}

export function Panes({ onAdd, ...opening }: Opening): React.JSX.Element {
  const panes = useStore((state) => state.panes);
  const { box, shown, show } = useShown(panes);
  return (
    <>
      {panes.length > 1 && <Strip panes={panes} shown={shown} onShow={show} />}
      <main ref={box} className={`grid min-h-0 flex-1 auto-rows-fr gap-3 px-3 pb-2 swiped:auto-cols-[100%] swiped:grid-flow-col swiped:snap-x swiped:snap-mandatory swiped:overflow-x-auto swiped:scroll-smooth swiped:overscroll-x-contain swiped:[scrollbar-width:none] md:px-4 ${WIDTHS[Math.min(panes.length, MOST_PANES)]} ${panes.length === 1 ? "mx-auto w-full max-w-4xl" : ""}`}>
        {panes.map((pane, at) => <PaneView key={pane.id} pane={pane} place={at + 1} count={panes.length} onAdd={() => onAdd(pane.id)} {...opening} />)}
      </main>
    </>
  );
}

interface Shown {
  box: React.RefObject<HTMLElement | null>;
  /** The place of the pane that is looked at. */
  shown: number;
  show: (place: number) => void;
}

/** Follows what is swiped; a pane that is added beside others is shown. */
function useShown(panes: readonly Pane[]): Shown {
  const box = useRef<HTMLElement>(null);
  const [shown, setShown] = useState(0);
  const ids = panes.map(({ id }) => id).join();
  const before = useRef(ids);
  const show = (place: number): void => box.current?.children[place]?.scrollIntoView({ block: "nearest", inline: "center" });
  useEffect(() => {
    const known = before.current.split(",");
    const now = ids.split(",");
    const added = now.filter((id) => !known.includes(id));
    before.current = ids;
    if (added.length === 1 && now.length > 1) show(now.indexOf(added[0] as string));
  }, [ids]);
  useEffect(() => {
    const children = [...(box.current?.children ?? [])];
    const look = (entries: readonly IntersectionObserverEntry[]): void => {
      const entry = entries.find(({ intersectionRatio }) => intersectionRatio >= MOST_OF_IT);
      if (entry) setShown(children.indexOf(entry.target));
    };
    const seen = new IntersectionObserver(look, { root: box.current, threshold: MOST_OF_IT });
    for (const child of children) seen.observe(child);
    return () => seen.disconnect();
  }, [ids]);
  return { box, shown, show };
}

interface Listed {
  panes: readonly Pane[];
  shown: number;
  onShow: (place: number) => void;
}

/** Which of how many is looked at, and which of them still write. */
function Strip({ panes, shown, onShow }: Listed): React.JSX.Element {
  const words = useWords();
  const hidden = useStore(namesHidden);
  const models = useStore((state) => state.models);
  const known = ({ configId }: Pane): string => models?.find((model) => model.configId === configId)?.name ?? (models ? words.modelGone : "…");
  const named = (pane: Pane, at: number): string => (hidden ? `${words.hiddenModel} ${String.fromCharCode(65 + at)}` : known(pane));
  return (
    <nav className="grid shrink-0 auto-cols-fr grid-flow-col gap-1 px-3 pb-2 md:px-4 beside:hidden" aria-label={words.panes}>
      {panes.map((pane, at) => (
        <button key={pane.id} className="flex h-8 min-w-0 items-center justify-center gap-1.5 rounded-lg px-2 text-xs font-medium text-quiet aria-current:bg-card aria-current:text-text aria-current:shadow-sm" type="button"
          aria-current={at === shown ? "true" : undefined} aria-label={filling(words.paneOf, { place: at + 1, count: panes.length, name: named(pane, at) })} onClick={() => onShow(at)}>
          {pane.turns.some(isRunning) && <span className="pulse size-1.5 shrink-0 rounded-full bg-accent" />}
          <span className="truncate">{named(pane, at)}</span>
        </button>
      ))}
    </nav>
  );
}
