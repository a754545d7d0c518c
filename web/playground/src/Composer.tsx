/** Where questions are written: text, files, fields to fill, presets. */

import { useEffect, useRef, useState } from "react";

import { Attached } from "./Attached";
import { BeforeAsking } from "./BeforeAsking";
import { Icon } from "./Icon";
import { TOUCH } from "./keyboard";
import { isComposing, sends } from "./keys";
import { useListbox } from "./listbox";
import { Menu, type Choice } from "./Menu";
import { chosenOf } from "./parameters";
import { matching, usePresets } from "./presets";
import { questionsOf, recalled } from "./recall";
import { SlashPresets, afterSlash } from "./SlashPresets";
import { anyRunning } from "./state";
import { store, useStore } from "./store";
import { onPaste, useDropping } from "./dropping";
import { filled } from "./variables";
import { useWords } from "./words";

interface Opening {
  onSettings: () => void;
  onPresets: () => void;
}

export function Composer({ onSettings, onPresets }: Opening): React.JSX.Element {
  const words = useWords();
  const draft = useStore((state) => state.draft);
  const attached = useStore((state) => state.attached);
  const running = useStore(anyRunning);
  const ready = useStore((state) => state.panes.length > 0);
  const enterSends = useStore((state) => state.enterSends);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const box = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const dropping = useDropping();
  const slash = useSlash(draft, onPresets);
  useEffect(() => {
    box.current?.focus();
    box.current?.setSelectionRange(-1, -1); // what was kept goes on at its end
  }, []);
  const send = (): void => {
    if (!ready || running) return;
    store.ask(filled(draft, values));
    if (TOUCH.matches) box.current?.blur(); // the keyboard makes room for the answer
  };
  const tools: readonly Choice[] = [
    { name: words.parameters, icon: "settings", onChoose: onSettings },
    { name: words.attach, icon: "attach", onChoose: () => picker.current?.click() },
    { name: words.presets, icon: "preset", onChoose: onPresets },
  ];
  const onKey = (event: React.KeyboardEvent<HTMLTextAreaElement>): void => {
    if (isComposing(event.nativeEvent) || slash.onKey(event)) return;
    if (sends(event, enterSends)) send();
    else if (!recall(event, draft)) return;
    event.preventDefault();
  };
  return (
    <form className="relative mx-auto w-full max-w-4xl px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] md:px-4" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {slash.shown}
      <BeforeAsking values={values} onValues={setValues} />
      <div className={`rounded-2xl border bg-card p-1.5 shadow-sm transition-colors focus-within:border-accent ${dropping ? "border-dashed border-accent" : "border-line"}`}>
        {attached.length > 0 && <div className="flex p-1.5"><Attached files={attached} onRemove={(file) => store.files.detach(file)} /></div>}
        <div className="flex items-end gap-0.5">
          <Tools choices={tools} />
          <input ref={picker} className="hidden" type="file" multiple aria-label={words.attach} onChange={({ target }) => { void store.files.attach([...(target.files ?? [])]); target.value = ""; }} />
          <label className="sr-only" htmlFor="prompt">{words.ask}</label>
          <textarea id="prompt" ref={box} rows={1} className="field-sizing-content max-h-[min(12rem,calc(var(--page-height)*0.3))] min-h-9 min-w-0 flex-1 resize-none bg-transparent px-1.5 py-1.5 text-base leading-6 placeholder:text-quiet/90 max-sm:placeholder:text-sm focus:outline-none md:text-[0.9375rem]"
            placeholder={dropping ? words.dropHere : words.ask} value={draft} enterKeyHint={enterSends ? "send" : "enter"} onChange={({ target }) => store.setDraft(target.value)} onKeyDown={onKey} onPaste={onPaste} {...slash.field} />
          {running ? (
            <button className="button" type="button" onClick={() => store.stop()}><Icon name="stop" size={13} /> {words.stopAll}</button>
          ) : (
            <button className="button button-main button-square" type="submit" disabled={!ready || (!draft.trim() && !attached.length)} aria-label={words.send} title={words.send}><Icon name="send" size={18} /></button>
          )}
        </div>
      </div>
    </form>
  );
}

/** Buttons where there is room for them; on a phone one that opens them. */
function Tools({ choices }: { choices: readonly Choice[] }): React.JSX.Element {
  const words = useWords();
  const changed = useStore(({ parameters }) => chosenOf(parameters).length > 0);
  const mark = changed && <span className="pointer-events-none absolute left-6 top-1.5 size-1.5 rounded-full bg-accent" role="img" aria-label={words.settingsChanged} title={words.settingsChanged} />;
  return (
    <>
      <div className="relative flex gap-0.5 max-sm:hidden">
        {choices.map(({ name, icon, onChoose }) => <button key={name} className="button button-quiet button-square" type="button" onClick={onChoose} aria-label={name} title={name}><Icon name={icon} size={18} /></button>)}
        {mark}
      </div>
      <div className="relative sm:hidden">
        <Menu label={words.askingWith} choices={choices} icon="add" large />
        {mark}
      </div>
    </>
  );
}

/** Up in an empty box brings back the last question, up again the one before; down goes the other way. */
function recall(event: React.KeyboardEvent, draft: string): boolean {
  if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return false;
  const asked = questionsOf(store.state.panes.flatMap(({ turns }) => turns));
  const text = recalled(asked, draft, event.key === "ArrowUp" ? -1 : 1);
  if (text !== undefined) store.setDraft(text);
  return text !== undefined;
}

interface Slash {
  shown: React.JSX.Element | null;
  field: Partial<ReturnType<typeof useListbox>["field"]>;
  onKey: (event: React.KeyboardEvent) => boolean;
}

/** The list of presets while a slash and at most a part of a name stand in the box; Esc leaves the text as it is. */
function useSlash(draft: string, onPresets: () => void): Slash {
  const all = usePresets();
  const [left, setLeft] = useState<string>();
  const search = afterSlash(draft);
  const presets = search === undefined ? [] : matching(search, all);
  const open = search !== undefined && left !== draft && (presets.length > 0 || search === "");
  const choose = (at: number): void => {
    const preset = presets[at];
    if (preset) return store.prefilling.fill(preset);
    store.setDraft("");
    onPresets();
  };
  const list = useListbox(open, presets.length + 1, choose, 0, search ?? "");
  const onKey = (event: React.KeyboardEvent): boolean => {
    if (list.onKey(event)) return true;
    if (!open || event.key !== "Escape") return false;
    event.preventDefault();
    setLeft(draft);
    return true;
  };
  return { shown: open ? <SlashPresets list={list} presets={presets} /> : null, field: open ? list.field : {}, onKey };
}
