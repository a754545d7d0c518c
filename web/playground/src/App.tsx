import { useEffect, useRef, useState } from "react";

import { Composer } from "./Composer";
import { AddModel, Keys, Settings } from "./dialogs";
import { Header } from "./Header";
import { PaneView } from "./PaneView";
import { MOST_PANES } from "./state";
import { store, useStore } from "./store";
import { problemTitle } from "./problems";
import { useLanguage, useWords } from "./words";

export type Dialog = "add" | "settings" | "keys" | undefined;

const WIDTHS = ["", "md:grid-cols-1", "md:grid-cols-2", "md:grid-cols-2 xl:grid-cols-3", "md:grid-cols-2 2xl:grid-cols-4"];

export function App(): React.JSX.Element {
  const panes = useStore((state) => state.panes);
  const [dialog, setDialog] = useState<Dialog>();
  const [asking, setAsking] = useState<string>();
  useKeys(setDialog);
  const close = (): void => setDialog(undefined);
  const add = (paneId?: string): void => {
    setAsking(paneId);
    setDialog("add");
  };
  return (
    <div className="flex h-dvh flex-col">
      <Header onOpen={setDialog} onAdd={() => add()} />
      <Notice />
      <main className={`grid min-h-0 flex-1 auto-rows-fr gap-3 px-3 pb-2 max-md:auto-cols-[100%] max-md:grid-flow-col max-md:snap-x max-md:snap-mandatory max-md:overflow-x-auto md:px-4 ${WIDTHS[Math.min(panes.length, MOST_PANES)]} ${panes.length === 1 ? "mx-auto w-full max-w-4xl" : ""}`}>
        {panes.map((pane, at) => (
          <PaneView key={pane.id} pane={pane} place={at + 1} count={panes.length} onAdd={() => add(pane.id)} />
        ))}
      </main>
      <Composer onSettings={() => setDialog("settings")} />
      <AddModel open={dialog === "add"} onClose={close} paneId={asking} />
      <Settings open={dialog === "settings"} onClose={close} />
      <Keys open={dialog === "keys"} onClose={close} />
    </div>
  );
}

function Notice(): React.JSX.Element | null {
  const words = useWords();
  const language = useLanguage();
  const { problem, models } = useStore((state) => state);
  const empty = models?.length === 0;
  if (!problem && models && !empty) return null;
  return (
    <p className="mx-4 mb-3 rounded-lg border border-line bg-card px-4 py-3 text-sm text-quiet" role="status">
      {problem ? `${problemTitle(problem.code, language)}: ${problem.message}` : empty ? words.noModels : words.loading}
    </p>
  );
}

/** Keys that work wherever one is, unless one writes. */
function useKeys(open: (dialog: Dialog) => void): void {
  const opened = useRef(open);
  opened.current = open;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.isComposing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) return store.stop();
      const place = event.target as HTMLElement;
      if (place.closest("input, textarea, select, dialog")) return;
      if (event.key === "?") opened.current("keys");
      if (event.key === "/") {
        event.preventDefault();
        document.getElementById("prompt")?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
