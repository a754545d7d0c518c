/** A stored model's name, address and key, changed. The key that is kept is never shown. */

import { HeadraceError } from "@headrace/client";
import { useRef, useState } from "react";

import { LOCAL, type ModelConfig, type NewModel } from "./api";
import { Field, Modal } from "./dialogs";
import { store } from "./store";
import { useWords } from "./words";

const LONGEST_NAME = 200; // characters, as the server has it

interface Editing {
  model: ModelConfig;
  /** The field that is wrong, as far as is known; else its name, which is asked for then too. */
  first: "apiKey" | "endpoint" | "name";
  onClose: () => void;
  /** What waits for it: the question that failed. */
  onSaved?: () => void;
}

export default function EditModel({ model, first, onClose, onSaved }: Editing): React.JSX.Element {
  const words = useWords();
  const form = useRef<HTMLFormElement>(null);
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    setWrong("");
    try {
      await store.models.change(model.configId, changed(form.current as HTMLFormElement));
      onClose();
      onSaved?.();
    } catch (error) {
      setWrong(error instanceof HeadraceError ? error.message : String(error));
      setBusy(false);
    }
  };
  const fields = [
    <Field key="key" label={words.key} {...(model.hasKey ? { hint: words.keyKept } : {})}><input className="field" name="apiKey" type="password" autoComplete="off" /></Field>,
    <Field key="endpoint" label={words.address} hint={words.addressHint}><input className="field" name="endpoint" inputMode="url" autoComplete="off" spellCheck={false} defaultValue={model.endpoint} /></Field>,
    <Field key="model" label={words.modelName}><input className="field" name="modelId" required autoComplete="off" spellCheck={false} defaultValue={model.modelId} /></Field>,
  ];
  return (
    <Modal open onClose={onClose} title={`${words.editModel}: ${model.name}`}>
      <form ref={form} onSubmit={(event) => { event.preventDefault(); void save(); }}>
        {first === "name" && <Field label={words.name}><input className="field" name="name" required maxLength={LONGEST_NAME} autoComplete="off" defaultValue={model.name} /></Field>}
        {model.providerId !== LOCAL && (first === "apiKey" ? fields : [fields[1], fields[2], fields[0]])}
        {wrong && <p className="mb-3 break-words rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad" role="alert">{wrong}</p>}
        <div className="mt-4 flex justify-end gap-2">
          <button className="button" type="button" onClick={onClose}>{words.cancel}</button>
          <button className="button button-main" type="submit" disabled={busy}>{onSaved ? words.saveAndAsk : words.keep}</button>
        </div>
      </form>
    </Modal>
  );
}

/** What the form says, of the fields that it has; no key where none was entered, so that the kept one stays. */
function changed(form: HTMLFormElement): Partial<NewModel> {
  const fields = new FormData(form);
  const field = (name: string): string | undefined => fields.get(name)?.toString().trim();
  const given = { name: field("name") || undefined, endpoint: field("endpoint"), modelId: field("modelId"), apiKey: field("apiKey") || undefined };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
