import { lazy, useCallback, useEffect, useRef, useState } from "react";

import { Composer } from "./Composer";
import { Trouble } from "./ConversationList";
import { Keys } from "./dialogs";
import { Header } from "./Header";
import { Icon } from "./Icon";
import { isComposing } from "./keys";
import { Panes } from "./Panes";
import { Part } from "./Part";
import { useRoute } from "./route";
import { Sidebar, useSidebar } from "./Sidebar";
import { store, useStore } from "./store";
import { problemTitle } from "./problems";
import { useLanguage, useWords } from "./words";

export type Dialog = "add" | "settings" | "keys" | "presets" | "code" | "models" | "delivery" | undefined;

const AddModel = lazy(() => import("./AddModel"));
const CodeDialog = lazy(() => import("./CodeDialog"));
const Delivery = lazy(() => import("./Delivery"));
const Models = lazy(() => import("./Models"));
const Presets = lazy(() => import("./Presets"));
const Settings = lazy(() => import("./Settings"));
const Statistics = lazy(() => import("./statistics/Statistics"));

/** The statistics are another view; what runs in the playground goes on behind it. */
export function App(): React.JSX.Element {
  return useRoute().view === "statistics" ? <Counted /> : <Playground />;
}

function Counted(): React.JSX.Element {
  return (
    <div className="flex h-(--page-height) flex-col">
      <Header />
      <Part><Statistics /></Part>
    </div>
  );
}

function Playground(): React.JSX.Element {
  const [dialog, setDialog] = useState<Dialog>();
  const [asking, setAsking] = useState<string>();
  const [turnId, setTurnId] = useState<string>();
  const sidebar = useSidebar();
  useKeys(setDialog);
  const close = (): void => setDialog(undefined);
  const add = (paneId?: string): void => {
    setAsking(paneId);
    setDialog("add");
  };
  const code = useCallback((turnId: string): void => {
    setTurnId(turnId);
    setDialog("code");
  }, []);
  const settings = (paneId?: string): void => {
    setAsking(paneId);
    setDialog("settings");
  };
  return (
    <div className="flex h-(--page-height)">
      <Sidebar {...sidebar} />
      <div className="flex min-w-0 flex-1 flex-col">
        <Header onOpen={setDialog} onAdd={() => add()} sidebar={sidebar} />
        <Notice />
        {!sidebar.open && <div className="px-3 empty:hidden md:px-4"><Trouble /></div>}
        <Panes onAdd={add} onModels={() => setDialog("models")} onCode={code} onSettings={settings} />
        <Undo />
        <Composer onSettings={() => settings()} onPresets={() => setDialog("presets")} />
      </div>
      {dialog === "add" && <Part><AddModel open onClose={close} paneId={asking} /></Part>}
      {dialog === "settings" && <Part><Settings open onClose={close} paneId={asking} onOpen={setDialog} /></Part>}
      {dialog === "models" && <Part><Models open onClose={close} onAdd={() => add()} /></Part>}
      {dialog === "delivery" && <Part><Delivery open onClose={close} /></Part>}
      {dialog === "presets" && <Part><Presets open onClose={close} /></Part>}
      {dialog === "code" && <Part><CodeDialog open onClose={close} turnId={turnId} /></Part>}
      <Keys open={dialog === "keys"} onClose={close} />
    </div>
  );
}

/** What was put aside can be taken back until something else is asked. */
function Undo(): React.JSX.Element | null {
  const words = useWords();
  const undo = useStore((state) => state.undo);
  if (!undo?.panes.some(({ turns }) => turns.length)) return null;
  return (
    <p className="mx-auto mb-2 flex items-center gap-2 rounded-full border border-line bg-card py-1 pl-4 pr-1 text-sm shadow-sm" role="status">
      {words.takenBack}
      <button className="button button-quiet h-7 rounded-full text-accent" type="button" onClick={() => store.undo()}>{words.undo}</button>
      <button className="button button-quiet button-square h-7 w-7 rounded-full" type="button" aria-label={words.close} onClick={() => store.forgetUndo()}><Icon name="close" size={14} /></button>
    </p>
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
      if (isComposing(event) || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
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
