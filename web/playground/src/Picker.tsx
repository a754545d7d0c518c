/** Which model a pane asks: a list to search, by provider, that stays quick with hundreds of them. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { LOCAL, type ModelConfig } from "./api";
import { groupsOf, offered, providerName } from "./choosing";
import { Icon } from "./Icon";
import { TOUCH, onResize, seenHeight } from "./keyboard";
import { isComposing } from "./keys";
import { useListbox } from "./listbox";
import type { Pane } from "./state";
import { store, useStore } from "./store";
import { filling, useWords } from "./words";

export interface Adding {
  onAdd: () => void;
  /** The stored models are to be seen, changed, removed. */
  onModels: () => void;
}

export function Picker({ pane, onAdd, onModels }: Adding & { pane: Pane }): React.JSX.Element {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const chosen = useStore((state) => state.models?.find(({ configId }) => configId === pane.configId));
  const known = useStore((state) => state.models !== undefined);
  const name = chosen?.name ?? (known ? words.modelGone : "…");
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  const choosing = {
    onChoose: (configId: string) => store.choose(pane.id, configId),
    onAdd,
    onModels,
    onClose: (refocus: boolean) => (refocus ? close() : setOpen(false)),
  };
  return (
    <div className="relative mr-auto flex min-w-0 items-center gap-2">
      <button ref={button} className="flex h-8 min-w-0 items-center gap-1 rounded-lg pl-2 pr-1.5 text-sm font-semibold hover:bg-soft" type="button" aria-haspopup="listbox" aria-expanded={open}
        aria-label={`${words.model}: ${name}`} title={name} onClick={() => setOpen(!open)}>
        <span className={`truncate ${chosen ? "" : "font-normal text-quiet"}`}>{name}</span>
        <span className="shrink-0 text-quiet"><Icon name="model" size={14} /></span>
      </button>
      {chosen?.providerId === LOCAL && <span className="shrink-0 rounded-full bg-tint px-2 py-px text-xs font-medium text-accent" title={words.demoNote}>{words.demo}</span>}
      {open && <Choosing chosen={pane.configId} {...choosing} />}
    </div>
  );
}

interface Shown extends Adding {
  chosen: string;
  onChoose: (configId: string) => void;
  onClose: (refocus: boolean) => void;
}

const OTHER = "cursor-pointer rounded-lg px-2 py-1.5 text-sm font-medium text-accent aria-selected:bg-soft";

function Choosing({ chosen, onChoose, onAdd, onModels, onClose }: Shown): React.JSX.Element {
  const words = useWords();
  const box = useRef<HTMLDivElement>(null);
  const stored = useStore((state) => state.models);
  const demosHidden = useStore((state) => state.demosHidden);
  const models = useMemo(() => offered({ models: stored, demosHidden }), [stored, demosHidden]);
  const providers = useStore((state) => state.providers);
  const [search, setSearch] = useState("");
  const groups = useMemo(() => groupsOf(models, providers, search), [models, providers, search]);
  const flat = groups.flatMap((group) => group.models);
  const start = search ? 0 : Math.max(0, flat.findIndex(({ configId }) => configId === chosen));
  const others = search ? [onAdd] : [onAdd, onModels];
  const choose = (at: number): void => {
    const model = flat[at];
    onClose(true);
    if (model) onChoose(model.configId);
    else others[at - flat.length]?.();
  };
  const list = useListbox(true, flat.length + others.length, choose, start, search);
  const room = useRoom(box);
  useAway(box, () => onClose(false));
  const onKey = (event: React.KeyboardEvent): void => {
    if (isComposing(event.nativeEvent) || list.onKey(event) || (event.key !== "Escape" && event.key !== "Tab")) return;
    if (event.key === "Escape") event.preventDefault(); // closes this, and stops nothing
    onClose(event.key === "Escape");
  };
  let at = -1;
  return (
    <div ref={box} style={{ maxHeight: room.height }} className={`absolute left-0 z-20 flex w-80 sm:w-96 max-w-[calc(100vw-2.5rem)] flex-col overflow-hidden rounded-xl border border-line bg-card shadow-xl ${room.up ? "bottom-full mb-1" : "top-full mt-1"}`}>
      <input className="h-11 w-full shrink-0 border-b border-line bg-transparent px-3 text-sm focus:outline-none" autoFocus={!TOUCH.matches} type="text" autoComplete="off" spellCheck={false} aria-label={words.searchModels} placeholder={filling(words.searchModelsOf, { count: models.length })}
        value={search} onChange={({ target }) => setSearch(target.value)} onKeyDown={onKey} {...list.field} />
      <div {...list.list} aria-label={words.model} className="min-h-0 overflow-y-auto overscroll-contain p-1">
        {groups.map((group) => (
          <div key={group.providerId} role="group" aria-label={providerName(group, words)}>
            <p className="px-2 pb-0.5 pt-2 text-xs font-medium text-quiet" aria-hidden="true">{providerName(group, words)}</p>
            {group.models.map((model) => <Entry key={model.configId} model={model} chosen={model.configId === chosen} option={list.option((at += 1))} />)}
          </div>
        ))}
        {!flat.length && <p className="px-2 py-3 text-sm text-quiet" role="presentation">{filling(words.noSuchModel, { name: search })}</p>}
        <div className="mt-1 border-t border-line pt-1" role="presentation">
          <div className={OTHER} {...list.option(flat.length)}>{words.add}…</div>
          {!search && <div className={OTHER} {...list.option(flat.length + 1)}>{words.manageModels}…</div>}
        </div>
      </div>
    </div>
  );
}

function Entry({ model, chosen, option }: { model: ModelConfig; chosen: boolean; option: ReturnType<ReturnType<typeof useListbox>["option"]> }): React.JSX.Element {
  const words = useWords();
  return (
    <div className="flex cursor-pointer items-center gap-2 rounded-lg px-2 py-1.5 text-sm [content-visibility:auto] [contain-intrinsic-size:auto_2rem] aria-selected:bg-soft" {...option}>
      <span className="min-w-0 truncate font-medium">{model.name}</span>
      {model.modelId !== model.name && model.providerId !== LOCAL && <span className="max-w-2/5 shrink-0 truncate text-xs text-quiet">{model.modelId}</span>}
      {model.providerId === LOCAL && <span className="shrink-0 rounded-full bg-tint px-2 text-xs text-accent">{words.demo}</span>}
      {chosen && <span className="ml-auto shrink-0 text-accent"><Icon name="done" size={14} /><span className="sr-only">{words.chosen}</span></span>}
    </div>
  );
}

const MOST_HIGH = 416; // pixels: some ten entries
const LEAST_HIGH = 280; // below that it rather opens upwards

/** Where there is room for it, above or below. */
function useRoom(box: React.RefObject<HTMLElement | null>): { up: boolean; height: number } {
  const [room, setRoom] = useState({ up: false, height: MOST_HIGH });
  useLayoutEffect(() => {
    const find = (): void => {
      const place = box.current?.parentElement?.getBoundingClientRect();
      if (!place) return;
      const below = seenHeight() - place.bottom - 12;
      const up = below < LEAST_HIGH && place.top > below;
      setRoom({ up, height: Math.min(MOST_HIGH, up ? place.top - 12 : below) });
    };
    find();
    return onResize(find);
  }, [box]);
  return room;
}

/** Called when somebody presses elsewhere, or the focus goes there. */
export function useAway(box: React.RefObject<HTMLElement | null>, onAway: () => void): void {
  const called = useRef(onAway);
  called.current = onAway;
  useEffect(() => {
    const outside = ({ target }: Event): void => {
      const place = box.current?.parentElement;
      if (place && target instanceof Node && !place.contains(target)) called.current();
    };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
    };
  }, [box]);
}
