import { useEffect, useRef } from "react";

import { Icon } from "./Icon";
import { isComposing } from "./keys";
import { anyRunning } from "./state";
import { store, useStore } from "./store";
import { useWords } from "./words";

export function Composer({ onSettings }: { onSettings: () => void }): React.JSX.Element {
  const words = useWords();
  const draft = useStore((state) => state.draft);
  const running = useStore(anyRunning);
  const ready = useStore((state) => state.panes.length > 0);
  const changed = useStore(({ parameters }) => parameters.system !== "" || parameters.temperature !== null || parameters.maxTokens !== null);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  const send = (): void => {
    if (ready && !running) store.ask(draft);
  };
  const onKey = (event: React.KeyboardEvent<HTMLTextAreaElement>): void => {
    if (isComposing(event.nativeEvent)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && draft === "") {
      const last = store.state.panes.flatMap(({ turns }) => turns).sort((a, b) => a.asked - b.asked).at(-1);
      if (last) {
        event.preventDefault();
        store.setDraft(last.prompt);
      }
    }
  };
  return (
    <form className="mx-auto w-full max-w-4xl px-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] md:px-4" onSubmit={(event) => { event.preventDefault(); send(); }}>
      <div className="flex items-end gap-1.5 rounded-2xl border border-line bg-card p-1.5 shadow-sm transition-colors focus-within:border-accent">
        <button className="button button-quiet button-square relative" type="button" onClick={onSettings} aria-label={words.parameters} title={words.parameters}>
          <Icon name="settings" size={18} />
          {changed && <span className="absolute right-1.5 top-1.5 size-1.5 rounded-full bg-accent" />}
        </button>
        <label className="sr-only" htmlFor="prompt">{words.ask}</label>
        <textarea id="prompt" ref={box} rows={1} className="field-sizing-content max-h-48 min-h-9 flex-1 resize-none bg-transparent px-1.5 py-1.5 text-base leading-6 placeholder:text-quiet/80 focus:outline-none md:text-[0.9375rem]"
          placeholder={words.ask} value={draft} enterKeyHint="send" onChange={({ target }) => store.setDraft(target.value)} onKeyDown={onKey} />
        {running ? (
          <button className="button" type="button" onClick={() => store.stop()}><Icon name="stop" size={13} /> {words.stopAll}</button>
        ) : (
          <button className="button button-main button-square" type="submit" disabled={!ready || !draft.trim()} aria-label={words.send} title={words.send}><Icon name="send" size={18} /></button>
        )}
      </div>
    </form>
  );
}
