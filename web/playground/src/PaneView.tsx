import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { LOCAL } from "./api";
import type { Acts } from "./Foot";
import { Found } from "./Found";
import { Icon } from "./Icon";
import { Picker, type Adding } from "./Picker";
import { differing } from "./parameters";
import { MOST_PANES, isRunning, namesHidden, type Pane } from "./state";
import { store, useStore } from "./store";
import { TurnView } from "./TurnView";
import { useLanguage, useWords } from "./words";

const AT_END = 48; // pixels: a line and a half is still the end

interface Shown extends Adding {
  pane: Pane;
  place: number;
  count: number;
  onCode: (turnId: string) => void;
  onSettings: (paneId: string) => void;
}

export function PaneView({ pane, place, count, onAdd, onModels, onCode, onSettings }: Shown): React.JSX.Element {
  const words = useWords();
  const acts = useMemo<Acts>(() => ({
    retry: () => store.retry(pane.id),
    goOn: () => store.goOn(pane.id),
    code: onCode,
    branch: count < MOST_PANES ? (turnId) => store.branch(pane.id, turnId) : undefined,
    vote: count > 1 ? (turnId) => store.vote(pane.id, turnId) : undefined,
    withThis: count > 1 ? () => store.continueWith(pane.id) : undefined,
  }), [pane.id, count, onCode]);
  const hidden = useStore(namesHidden);
  const running = pane.turns.some(isRunning);
  const { box, atEnd, toEnd, onScroll } = useFollowing(pane);
  return (
    <section className="relative flex min-h-0 min-w-0 snap-center snap-always flex-col beside:max-xl:[&:nth-child(3):last-child]:col-span-2 rounded-2xl border border-line bg-card shadow-sm" aria-label={`${words.model} ${place}`}>
      <div className="flex items-center gap-1 border-b border-line py-1.5 pl-2 pr-1.5">
        {hidden ? <p className="mr-auto px-2 text-sm font-semibold">{words.hiddenModel} {String.fromCharCode(64 + place)}</p> : <Picker pane={pane} onAdd={onAdd} onModels={onModels} />}
        {running && (
          <button className="button button-quiet h-8 px-2" type="button" onClick={() => store.stop(pane.id)}>
            <Icon name="stop" size={13} /> {words.stop}
          </button>
        )}
        {count > 1 && (
          <button className={`button button-quiet button-square h-8 w-8 ${pane.parameters ? "text-accent" : ""}`} type="button" aria-label={words.paneSettings} title={words.paneSettings} onClick={() => onSettings(pane.id)}>
            <Icon name="settings" />
          </button>
        )}
        {count > 1 && (
          <button className="button button-quiet button-square h-8 w-8" type="button" aria-label={words.remove} title={words.remove} onClick={() => store.removePane(pane.id)}>
            <Icon name="close" />
          </button>
        )}
      </div>
      <Differing pane={pane} />
      <div ref={box} onScroll={onScroll} className="min-h-0 flex-1 overflow-y-auto overscroll-y-contain px-4 py-4" tabIndex={0} role="log" aria-live="off">
        {pane.turns.length === 0 && <Empty pane={pane} first={place === 1} />}
        {pane.turns.map((turn, at) => (
          <TurnView key={turn.id} turn={turn} acts={acts} last={at === pane.turns.length - 1} />
        ))}
      </div>
      {!atEnd && (
        <button className="button absolute bottom-3 left-1/2 h-8 -translate-x-1/2 rounded-full shadow-md" type="button" onClick={toEnd}>
          <Icon name="down" size={14} /> {words.latest}
        </button>
      )}
    </section>
  );
}

/** What an unlinked pane asks in another way than the others. */
function Differing({ pane }: { pane: Pane }): React.JSX.Element | null {
  const words = useWords();
  const shared = useStore((state) => state.parameters);
  const own = pane.parameters;
  if (!own) return null;
  const names = differing(own, shared);
  if (!names.length) return null;
  return (
    <ul className="flex flex-wrap gap-1 border-b border-line px-3 py-1.5 text-xs" aria-label={words.paneSettings}>
      {names.map((name) => (
        <li key={name} className="max-w-full truncate rounded-full bg-tint px-2 py-px text-accent">
          {words[name]}: {own[name] === null || own[name] === "" ? words.modelDefault : own[name]}
        </li>
      ))}
    </ul>
  );
}

/** What shows a model's table, code, maths and another language. */
const EXAMPLES = {
  en: [
    "Compare three ways to sort a list, as a table.",
    "Write a function that finds prime numbers, and explain it.",
    "Derive the quadratic formula, step by step.",
    "用三句话解释什么是流式传输。",
  ],
  zh: [
    "用表格比较三种排序方法。",
    "写一个找出素数的函数，并加以解释。",
    "一步一步推导一元二次方程的求根公式。",
    "Explain in three sentences what streaming is.",
  ],
};
/** What a very small model can speak about; tables and verse are beyond it. */
const LOCAL_EXAMPLES = [
  "Tell me about rivers.",
  "Why is the sky blue?",
  "Give me three tips for learning a language.",
  "Explain what a computer does, in three short paragraphs.",
];

function Empty({ pane, first }: { pane: Pane; first: boolean }): React.JSX.Element {
  const words = useWords();
  const language = useLanguage();
  const hidden = useStore(namesHidden);
  const local = useStore((state) => state.models?.find(({ configId }) => configId === pane.configId)?.providerId === LOCAL);
  return (
    <div className="mx-auto flex h-full max-w-md flex-col justify-center gap-4 py-6 text-center">
      <div>
        {first && <p className="mb-1 text-lg font-semibold tracking-tight">{words.title}</p>}
        <p className="text-balance text-sm text-quiet">{local && !hidden ? words.demoNote : first ? words.welcome : words.ready}</p>
      </div>
      {first && <ul className="flex flex-wrap justify-center gap-2" aria-label={words.examples}>
        {(local ? LOCAL_EXAMPLES : EXAMPLES[language]).map((text) => (
          <li key={text}>
            <button className="text-balance rounded-2xl border border-line px-3 py-1 text-sm text-quiet transition-colors hover:border-accent hover:text-accent" type="button" onClick={() => store.ask(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>}
      {first && <Found paneId={pane.id} />}
    </div>
  );
}

/** Follows the answer while the view is at its end, and leaves it alone otherwise. */
function useFollowing(pane: Pane): { box: React.RefObject<HTMLDivElement | null>; atEnd: boolean; toEnd: () => void; onScroll: () => void } {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [atEnd, setAtEnd] = useState(true);
  const toEnd = (): void => {
    follows.current = true;
    setAtEnd(true);
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  const onScroll = (): void => {
    const place = box.current;
    if (!place) return;
    follows.current = place.scrollHeight - place.scrollTop - place.clientHeight < AT_END;
    setAtEnd(follows.current);
  };
  const asked = pane.turns.at(-1)?.id;
  useEffect(toEnd, [asked]);
  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  useEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const grown = new ResizeObserver(() => follows.current && place.scrollTo({ top: place.scrollHeight }));
    for (const child of [place, ...place.children]) grown.observe(child); // the place too: a keyboard makes it smaller
    return () => grown.disconnect();
  }, [pane.turns.length]);
  return { box, atEnd, toEnd, onScroll };
}
