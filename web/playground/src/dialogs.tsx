import { HeadraceError } from "@headrace/client";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { LOCAL, listProviderModels, type NewModel } from "./api";
import { Icon } from "./Icon";
import { store, useStore } from "./store";
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
    dialog.current?.querySelector<HTMLElement>("input, textarea")?.focus();
  }, [open]);
  return (
    <dialog ref={dialog} className={`dialog ${wide ? "dialog-wide" : ""}`} aria-label={title} onClose={onClose} onClick={({ target }) => target === dialog.current && onClose()}>
      <div className="mb-4 flex items-center justify-between">
        <h2 className="text-lg font-semibold tracking-tight">{title}</h2>
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

const FIRST = "openai"; // what most addresses speak

/** Three fields; listing the provider's models tries address and key, and offers names. */
export function AddModel({ open, onClose, paneId }: Opened & { paneId: string | undefined }): React.JSX.Element {
  const words = useWords();
  const providers = useStore((state) => state.providers);
  const form = useRef<HTMLFormElement>(null);
  const [chosen, setChosen] = useState(FIRST);
  const [names, setNames] = useState<string[]>();
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const provider = providers.find(({ providerId }) => providerId === chosen);
  const given = (): NewModel => {
    const fields = new FormData(form.current as HTMLFormElement);
    const field = (name: string): string => String(fields.get(name) ?? "").trim();
    return { providerId: chosen, endpoint: field("endpoint"), modelId: field("modelId"), apiKey: field("apiKey"), name: field("modelId") };
  };
  const trying = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setWrong("");
    try {
      await work();
    } catch (error) {
      setWrong(error instanceof HeadraceError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const save = (): Promise<void> => trying(async () => {
    await store.addModel(given(), paneId ?? store.state.panes.at(-1)?.id);
    onClose();
  });
  const list = (): Promise<void> => trying(async () => {
    const { endpoint, apiKey } = given();
    setNames(await listProviderModels(chosen, endpoint, apiKey));
  });
  const choose = (providerId: string): void => {
    setChosen(providerId);
    setNames(undefined);
    setWrong("");
  };
  return (
    <Modal open={open} onClose={onClose} title={words.add}>
      <form ref={form} onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <div className="grid gap-x-3 sm:grid-cols-2">
          <Field label={words.provider}>
            <select className="field" name="providerId" value={chosen} onChange={({ target }) => choose(target.value)}>
              {providers.filter(({ providerId }) => providerId !== LOCAL).map(({ providerId, title }) => <option key={providerId} value={providerId}>{title || providerId}</option>)}
            </select>
          </Field>
          <Field label={words.modelName}><input className="field" name="modelId" list="names" required autoComplete="off" spellCheck={false} /></Field>
        </div>
        <datalist id="names">{names?.map((name) => <option key={name} value={name} />)}</datalist>
        <Field label={words.address} {...(provider?.endpoint ? { hint: words.addressHint } : {})}>
          <input className="field" name="endpoint" inputMode="url" autoComplete="off" spellCheck={false} placeholder={provider?.endpoint || "https://…/v1"} />
        </Field>
        <Field label={words.key} hint={words.keyHint}><input className="field" name="apiKey" type="password" autoComplete="off" /></Field>
        {wrong && <p className="mb-3 break-words rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad" role="alert">{wrong}</p>}
        {names && <p className="mb-3 text-sm text-quiet" role="status">{names.length} {words.modelsFound}</p>}
        <div className="mt-4 flex flex-wrap justify-end gap-2">
          {provider?.abilities.models && <button className="button button-quiet mr-auto" type="button" disabled={busy} onClick={() => void list()}>{busy ? words.testing : words.test}</button>}
          <button className="button" type="button" onClick={onClose}>{words.cancel}</button>
          <button className="button button-main" type="submit" disabled={busy}>{words.save}</button>
        </div>
      </form>
    </Modal>
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
