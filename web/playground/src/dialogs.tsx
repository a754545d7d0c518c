import { HeadraceError } from "@headrace/client";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { Icon } from "./Icon";
import type { Parameters } from "./state";
import { store, useStore } from "./store";
import { useWords } from "./words";

interface Opened {
  open: boolean;
  onClose: () => void;
}

function Modal({ open, onClose, title, children }: Opened & { title: string; children: ReactNode }): React.JSX.Element {
  const words = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} className="dialog" aria-label={title} onClose={onClose} onClick={({ target }) => target === dialog.current && onClose()}>
      <div className="mb-4 flex items-center justify-between">
        <h2 className="text-lg font-semibold tracking-tight">{title}</h2>
        <button className="button button-quiet button-square h-8 w-8" type="button" onClick={onClose} aria-label={words.close}><Icon name="close" /></button>
      </div>
      {open && children}
    </dialog>
  );
}

function Field({ label, hint, children }: { label: string; hint?: string; children: ReactNode }): React.JSX.Element {
  return (
    <label className="mb-3 block text-sm">
      <span className="mb-1 flex flex-wrap items-baseline gap-x-2 font-medium">{label} {hint && <span className="text-xs font-normal text-quiet">{hint}</span>}</span>
      {children}
    </label>
  );
}

const PROVIDERS: [string, string][] = [
  ["openai", "OpenAI / compatible"], ["anthropic", "Anthropic"], ["gemini", "Gemini"], ["deepseek", "DeepSeek"], ["ollama", "Ollama"],
  ["openrouter", "OpenRouter"], ["siliconflow", "SiliconFlow 硅基流动"], ["zhipu", "智谱 GLM"], ["lmstudio", "LM Studio"], ["vllm", "vLLM"],
];

export function AddModel({ open, onClose, paneId }: Opened & { paneId: string | undefined }): React.JSX.Element {
  const words = useWords();
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (event: React.FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    const { providerId = "", endpoint = "", modelId = "", apiKey = "" } = given;
    setBusy(true);
    try {
      await store.addModel({ providerId, endpoint, modelId, apiKey, name: modelId }, paneId ?? store.state.panes.at(-1)?.id);
      setWrong("");
      onClose();
    } catch (error) {
      setWrong(error instanceof HeadraceError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal open={open} onClose={onClose} title={words.add}>
      <form onSubmit={(event) => void save(event)}>
        <div className="grid gap-x-3 sm:grid-cols-2">
          <Field label={words.provider}>
            <select className="field" name="providerId">{PROVIDERS.map(([id, name]) => <option key={id} value={id}>{name}</option>)}</select>
          </Field>
          <Field label={words.modelName}><input className="field" name="modelId" required autoFocus autoComplete="off" spellCheck={false} /></Field>
        </div>
        <Field label={words.address} hint={words.addressHint}><input className="field" name="endpoint" inputMode="url" autoComplete="off" spellCheck={false} placeholder="https://…/v1" /></Field>
        <Field label={words.key} hint={words.keyHint}><input className="field" name="apiKey" type="password" autoComplete="off" /></Field>
        {wrong && <p className="mb-3 rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad" role="alert">{wrong}</p>}
        <div className="mt-4 flex justify-end gap-2">
          <button className="button" type="button" onClick={onClose}>{words.cancel}</button>
          <button className="button button-main" type="submit" disabled={busy}>{words.save}</button>
        </div>
      </form>
    </Modal>
  );
}

export function Settings({ open, onClose }: Opened): React.JSX.Element {
  const words = useWords();
  const parameters = useStore((state) => state.parameters);
  const set = (change: Partial<Parameters>): void => store.setParameters({ ...parameters, ...change });
  return (
    <Modal open={open} onClose={onClose} title={words.parameters}>
      <Field label={words.system} hint={words.sent}>
        <textarea className="field min-h-24" placeholder={words.systemHint} value={parameters.system} onChange={({ target }) => set({ system: target.value })} />
      </Field>
      <div className="grid gap-x-3 sm:grid-cols-2">
        <NumberField label={words.temperature} value={parameters.temperature} least={0} most={2} step={0.1} onChange={(temperature) => set({ temperature })} />
        <NumberField label={words.maxTokens} value={parameters.maxTokens} least={1} most={1_000_000} step={1} onChange={(maxTokens) => set({ maxTokens })} />
      </div>
    </Modal>
  );
}

interface Numbered {
  label: string;
  value: number | null;
  least: number;
  most: number;
  step: number;
  onChange: (value: number | null) => void;
}

function NumberField({ label, value, least, most, step, onChange }: Numbered): React.JSX.Element {
  const words = useWords();
  return (
    <Field label={label}>
      <input className="field" type="number" min={least} max={most} step={step} placeholder={words.modelDefault} value={value ?? ""}
        onChange={({ target }) => onChange(target.value === "" || !target.validity.valid ? null : target.valueAsNumber)} />
    </Field>
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
