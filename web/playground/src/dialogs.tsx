import { useEffect, useRef, type ReactNode } from "react";

import { Icon } from "./Icon";
import { TOUCH } from "./keyboard";
import { useWords } from "./words";

export interface Opened {
  open: boolean;
  onClose: () => void;
}

export function Modal({ open, onClose, title, wide, children }: Opened & { title: string; wide?: boolean; children: ReactNode }): React.JSX.Element {
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!open) return dialog.current?.close();
    dialog.current?.showModal();
    if (!TOUCH.matches) dialog.current?.querySelector<HTMLElement>("input, textarea")?.focus();
  }, [open]);
  return (
    <dialog ref={dialog} className={`dialog ${wide ? "dialog-wide" : ""}`} aria-label={title} onClose={onClose} onClick={({ target }) => target === dialog.current && onClose()}>
      <div className="sticky -top-5 z-10 -mx-5 -mt-5 mb-1 flex items-center justify-between rounded-t-2xl bg-card px-5 pb-3 pt-5">
        <h2 className="min-w-0 break-words text-lg font-semibold tracking-tight">{title}</h2>
        <button className="button button-quiet button-square h-8 w-8" type="button" onClick={onClose} aria-label={words.close}><Icon name="close" /></button>
      </div>
      {open && children}
    </dialog>
  );
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ReactNode }): React.JSX.Element {
  return (
    <label className="mb-3 block text-sm">
      <span className="mb-1 flex flex-wrap items-baseline gap-x-2 font-medium">{label} {hint && <span className="text-xs font-normal text-quiet">{hint}</span>}</span>
      {children}
    </label>
  );
}

export function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }): React.JSX.Element {
  return (
    <label className="mb-3 flex items-center gap-2 text-sm font-medium">
      <input className="size-4 shrink-0 accent-accent" type="checkbox" checked={checked} onChange={({ target }) => onChange(target.checked)} /> {label}
    </label>
  );
}

export function Keys({ open, onClose }: Opened): React.JSX.Element {
  const words = useWords();
  return (
    <Modal open={open} onClose={onClose} title={words.keys}>
      <ul className="space-y-1.5 text-sm text-quiet">{words.keysList.split(" · ").map((line) => <li key={line}>{line}</li>)}</ul>
    </Modal>
  );
}
