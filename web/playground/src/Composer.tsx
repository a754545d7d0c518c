import { useEffect, useRef, useState } from "react";

import { Attached } from "./Attached";
import { Icon } from "./Icon";
import { isComposing } from "./keys";
import { anyRunning, chosenOf } from "./state";
import { store, useStore } from "./store";
import { filled, variablesOf } from "./variables";
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
  const changed = useStore(({ parameters }) => chosenOf(parameters).length > 0);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const box = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const dropping = useDropping();
  useEffect(() => box.current?.focus(), []);
  const send = (): void => {
    if (ready && !running) store.ask(filled(draft, values));
  };
  const onKey = (event: React.KeyboardEvent<HTMLTextAreaElement>): void => {
    if (isComposing(event.nativeEvent)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "/" && draft === "") {
      event.preventDefault();
      onPresets();
    } else if (event.key === "ArrowUp" && draft === "") {
      const asked = store.state.panes.flatMap(({ turns }) => turns).filter(({ continues }) => !continues);
      const last = asked.sort((a, b) => a.asked - b.asked).at(-1);
      if (last) {
        event.preventDefault();
        store.setDraft(last.prompt);
      }
    }
  };
  const onPaste = (event: React.ClipboardEvent): void => {
    const files = [...event.clipboardData.files];
    if (!files.length || event.clipboardData.types.includes("text/plain")) return; // a copied table brings its picture along
    event.preventDefault();
    void store.attach(files);
  };
  return (
    <form className="mx-auto w-full max-w-4xl px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] md:px-4" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <Before values={values} onValues={setValues} />
      <div className={`flex items-end gap-0.5 rounded-2xl border bg-card p-1.5 shadow-sm transition-colors focus-within:border-accent ${dropping ? "border-dashed border-accent" : "border-line"}`}>
        <button className="button button-quiet button-square relative" type="button" onClick={onSettings} aria-label={words.parameters} title={words.parameters}>
          <Icon name="settings" size={18} />
          {changed && <span className="absolute right-1.5 top-1.5 size-1.5 rounded-full bg-accent" />}
        </button>
        <button className="button button-quiet button-square" type="button" onClick={() => picker.current?.click()} aria-label={words.attach} title={words.attach}><Icon name="attach" size={18} /></button>
        <button className="button button-quiet button-square max-sm:hidden" type="button" onClick={onPresets} aria-label={words.presets} title={words.presets}><Icon name="preset" size={18} /></button>
        <input ref={picker} className="hidden" type="file" multiple aria-label={words.attach} onChange={({ target }) => { void store.attach([...(target.files ?? [])]); target.value = ""; }} />
        <label className="sr-only" htmlFor="prompt">{words.ask}</label>
        <textarea id="prompt" ref={box} rows={1} className="field-sizing-content max-h-48 min-h-9 min-w-0 flex-1 resize-none bg-transparent px-1.5 py-1.5 text-base leading-6 placeholder:text-quiet/80 max-sm:placeholder:text-sm focus:outline-none md:text-[0.9375rem]"
          placeholder={dropping ? words.dropHere : words.ask} value={draft} enterKeyHint="send" onChange={({ target }) => store.setDraft(target.value)} onKeyDown={onKey} onPaste={onPaste} />
        {running ? (
          <button className="button" type="button" onClick={() => store.stop()}><Icon name="stop" size={13} /> {words.stopAll}</button>
        ) : (
          <button className="button button-main button-square" type="submit" disabled={!ready || (!draft.trim() && !attached.length)} aria-label={words.send} title={words.send}><Icon name="send" size={18} /></button>
        )}
      </div>
    </form>
  );
}

interface Filling {
  values: Readonly<Record<string, string>>;
  onValues: (values: Readonly<Record<string, string>>) => void;
}

/** Files, fields to fill and what was not taken: above the box, where there are any. */
function Before({ values, onValues }: Filling): React.JSX.Element {
  const words = useWords();
  const draft = useStore((state) => state.draft);
  const { attached, refused } = useStore((state) => state);
  const blinded = useBlinded();
  const names = variablesOf(draft);
  return (
    <div className="mb-1.5 space-y-1.5 empty:hidden">
      {refused && <p className="rounded-lg bg-bad-soft px-3 py-1.5 text-sm text-bad" role="alert">{refused.file} {words[refused.why]}</p>}
      {blinded.length > 0 && <p className="rounded-lg border border-line bg-card px-3 py-1.5 text-sm text-quiet" role="status">{blinded.join(", ")} {words.textOnly}</p>}
      {names.length > 0 && (
        <div className="grid gap-2 sm:grid-cols-3">
          {names.map((name) => (
            <label key={name} className="flex min-w-0 items-center gap-2 text-sm">
              <span className="max-w-1/2 shrink-0 truncate text-quiet">{name}</span>
              <input className="field h-9 min-w-0" value={values[name] ?? ""} onChange={({ target }) => onValues({ ...values, [name]: target.value })} />
            </label>
          ))}
        </div>
      )}
      <Attached files={attached} onRemove={(file) => store.detach(file)} />
    </div>
  );
}

/** The chosen models that are known to see no pictures, where one is attached. */
function useBlinded(): string[] {
  const { attached, panes, models } = useStore((state) => state);
  if (!attached.some(({ kind }) => kind === "image")) return [];
  const chosen = new Set(panes.map(({ configId }) => configId));
  return (models ?? []).filter(({ configId, readsImages }) => chosen.has(configId) && readsImages === false).map(({ name }) => name);
}

/** Files dropped anywhere on the page are attached. True while some hang over it. */
function useDropping(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const onOver = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent): void => void (event.relatedTarget || setOver(false));
    const onDrop = (event: DragEvent): void => {
      setOver(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      void store.attach([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", onOver);
    addEventListener("dragleave", onLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onOver);
      removeEventListener("dragleave", onLeave);
      removeEventListener("drop", onDrop);
    };
  }, []);
  return over;
}
