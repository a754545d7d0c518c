/** The kept conversations beside the page where it is wide, over it where it is not. */

import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import { ConversationList } from "./ConversationList";
import { Icon } from "./Icon";
import { useWords } from "./words";

const KEPT = "headrace.sidebar";
const WIDE = matchMedia("(min-width: 80rem)");

export interface SidebarState {
  wide: boolean;
  open: boolean;
  toggle: () => void;
  close: () => void;
}

/** Wide, it is open until somebody closes it; else it is opened when it is wanted. */
export function useSidebar(): SidebarState {
  const wide = useSyncExternalStore(watch, () => WIDE.matches);
  const [folded, setFolded] = useState(() => localStorage.getItem(KEPT) === "closed");
  const [over, setOver] = useState(false);
  const fold = (next: boolean): void => {
    localStorage.setItem(KEPT, next ? "closed" : "open");
    setFolded(next);
  };
  return {
    wide,
    open: wide ? !folded : over,
    toggle: () => (wide ? fold(!folded) : setOver(!over)),
    close: () => (wide ? fold(true) : setOver(false)),
  };
}

function watch(listener: () => void): () => void {
  WIDE.addEventListener("change", listener);
  return () => WIDE.removeEventListener("change", listener);
}

export function Sidebar({ wide, open, close }: SidebarState): React.JSX.Element | null {
  const words = useWords();
  if (!open) return null;
  if (!wide) return <Drawer onClose={close} />;
  return (
    <aside id="conversations" className="flex w-72 shrink-0 flex-col border-r border-line bg-card" aria-label={words.conversations}>
      <ConversationList onDone={() => undefined} />
    </aside>
  );
}

function Drawer({ onClose }: { onClose: () => void }): React.JSX.Element {
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog id="conversations" ref={dialog} className="m-0 h-(--page-height) max-h-none w-[min(20rem,88vw)] max-w-none border-r border-line bg-card p-0 text-text shadow-2xl backdrop:bg-black/40" aria-label={words.conversations}
      onClose={onClose} onClick={({ target }) => target === dialog.current && onClose()}>
      <div className="flex h-full flex-col">
        <div className="flex items-center justify-between px-3 pt-3">
          <h2 className="font-semibold tracking-tight">{words.conversations}</h2>
          <button className="button button-quiet button-square h-8 w-8" type="button" onClick={onClose} aria-label={words.close}><Icon name="close" /></button>
        </div>
        <ConversationList onDone={onClose} />
      </div>
    </dialog>
  );
}
