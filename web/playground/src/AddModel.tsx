/** A model in three fields. Its provider can be asked for its models, and the model for an answer, before it is kept. */

import { HeadraceError } from "@headrace/client";
import { useRef, useState } from "react";

import { LOCAL, listProviderModels, tryModel, type NewModel, type Tried } from "./api";
import { providerName } from "./choosing";
import { Field, Modal, type Opened } from "./dialogs";
import { said } from "./problems";
import { store, useStore } from "./store";
import { seconds, useLanguage, useWords } from "./words";

const FIRST = "openai"; // what most addresses speak

/** Three fields; listing the provider's models tries address and key, and offers names. */
export default function AddModel({ open, onClose, paneId }: Opened & { paneId: string | undefined }): React.JSX.Element {
  const words = useWords();
  const providers = useStore((state) => state.providers);
  const form = useRef<HTMLFormElement>(null);
  const [chosen, setChosen] = useState(FIRST);
  const [names, setNames] = useState<string[]>();
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const [tested, setTested] = useState<Tried>();
  const provider = providers.find(({ providerId }) => providerId === chosen);
  const given = (): NewModel => {
    const fields = new FormData(form.current as HTMLFormElement);
    const field = (name: string): string => String(fields.get(name) ?? "").trim();
    return { providerId: chosen, endpoint: field("endpoint"), modelId: field("modelId"), apiKey: field("apiKey"), name: field("modelId") };
  };
  const trying = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setWrong("");
    setTested(undefined);
    try {
      await work();
    } catch (error) {
      setWrong(error instanceof HeadraceError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const save = (): Promise<void> => trying(async () => {
    await store.models.add(given(), paneId ?? store.state.panes.at(-1)?.id);
    onClose();
  });
  const list = (): Promise<void> => trying(async () => {
    const { endpoint, apiKey } = given();
    setNames(await listProviderModels(chosen, endpoint, apiKey));
  });
  const test = (): Promise<void> => trying(async () => setTested(await tryModel(store.state.project, given())));
  const choose = (providerId: string): void => {
    setChosen(providerId);
    setNames(undefined);
    setTested(undefined);
    setWrong("");
  };
  return (
    <Modal open={open} onClose={onClose} title={words.add}>
      <form ref={form} onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <div className="grid gap-x-3 sm:grid-cols-2">
          <Field label={words.provider}>
            <select className="field" name="providerId" value={chosen} onChange={({ target }) => choose(target.value)}>
              {providers.toSorted((a, b) => Number(a.providerId === LOCAL) - Number(b.providerId === LOCAL)).map(({ providerId, title }) => <option key={providerId} value={providerId}>{providerName({ providerId, title }, words)}</option>)}
            </select>
          </Field>
          <Field label={words.modelName}><input className="field" name="modelId" list="names" required autoComplete="off" spellCheck={false} /></Field>
        </div>
        <datalist id="names">{names?.map((name) => <option key={name} value={name} />)}</datalist>
        {chosen !== LOCAL && <Field label={words.address} {...(provider?.endpoint ? { hint: words.addressHint } : {})}>
          <input className="field" name="endpoint" inputMode="url" autoComplete="off" spellCheck={false} placeholder={provider?.endpoint || "https://…/v1"} />
        </Field>}
        {chosen !== LOCAL && <Field label={words.key} hint={words.keyHint}><input className="field" name="apiKey" type="password" autoComplete="off" /></Field>}
        {wrong && <p className="mb-3 break-words rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad" role="alert">{wrong}</p>}
        {tested && <Told tried={tested} />}
        {names && <p className="mb-3 text-sm text-quiet" role="status">{names.length} {words.modelsFound}</p>}
        <div className="mt-4 flex flex-wrap gap-2">
          {provider?.abilities.models && <button className="button" type="button" disabled={busy} onClick={() => void list()}>{words.test}</button>}
          <button className="button" type="button" disabled={busy} onClick={() => form.current?.reportValidity() && void test()}>{busy ? words.testing : words.tryIt}</button>
          <span className="ml-auto flex gap-2">
            <button className="button" type="button" onClick={onClose}>{words.cancel}</button>
            <button className="button button-main" type="submit" disabled={busy}>{words.save}</button>
          </span>
        </div>
      </form>
    </Modal>
  );
}

/** What the test found: the answer and its time, or what is wrong. */
function Told({ tried }: { tried: Tried }): React.JSX.Element {
  const words = useWords();
  const language = useLanguage();
  if (!tried.code) return <p className="mb-3 break-words rounded-lg bg-tint px-3 py-2 text-sm" role="status">{words.itAnswers} {seconds(tried.tookMs)}{tried.content && <>: <q>{tried.content}</q></>}</p>;
  const [title, meaning] = said(tried.code)[language];
  return (
    <div className="mb-3 break-words rounded-lg bg-bad-soft px-3 py-2 text-sm" role="alert">
      <p className="font-semibold text-bad">{title}</p>
      <p>{meaning}</p>
      <p className="mt-1 border-l-2 border-bad/30 pl-2 text-quiet">{tried.message}</p>
    </div>
  );
}
