/** The parameters of all panes, or of one that is unlinked from the others. Empty: the model's own default. */

import { useId, useState } from "react";

import type { Dialog } from "./App";
import { useRecords } from "./ConversationList";
import { Check, Field, Modal, type Opened } from "./dialogs";
import { EFFORTS, MOST_STOPS, MOST_TEXT, NO_PARAMETERS, RANGES, chosenOf, outside, type Parameters } from "./parameters";
import { parametersOf } from "./state";
import { store, useStore } from "./store";
import { filling, useWords } from "./words";

type Numeric = keyof typeof RANGES;

const NUMBERS: readonly Numeric[] = ["temperature", "maxTokens", "topP", "topK", "seed"];

interface Shown extends Opened {
  paneId: string | undefined;
  /** Leads to the page's other dialogs. */
  onOpen?: (dialog: Dialog) => void;
}

export default function Settings({ open, onClose, paneId, onOpen }: Shown): React.JSX.Element {
  const words = useWords();
  const shared = useStore((state) => state.parameters);
  const pane = useStore((state) => state.panes.find(({ id }) => id === paneId));
  const parameters = pane ? parametersOf({ parameters: shared }, pane) : shared;
  const set = (change: Partial<Parameters>): void => store.setParameters({ ...parameters, ...change }, pane?.id);
  const linked = pane !== undefined && !pane.parameters;
  const changed = chosenOf(parameters).length > 0;
  const [cleared, setCleared] = useState(0); // fields that hold something wrong begin anew too
  const clear = (): void => {
    set(NO_PARAMETERS);
    setCleared(cleared + 1);
  };
  return (
    <Modal open={open} onClose={onClose} title={pane ? words.paneSettings : words.parameters}>
      {pane && <Check label={words.linked} checked={linked} onChange={(checked) => store.setLinked(pane.id, checked)} />}
      <fieldset disabled={linked} className="min-w-0 disabled:opacity-60">
        <Field label={words.system} {...(pane ? {} : { hint: words.sent })}>
          <textarea className="field max-h-60 min-h-24 field-sizing-content" maxLength={MOST_TEXT} placeholder={words.systemHint} value={parameters.system} onChange={({ target }) => set({ system: target.value })} />
        </Field>
        <div className="grid items-start gap-x-3 sm:grid-cols-2">
          {NUMBERS.map((name) => <NumberField key={`${name} ${linked} ${cleared}`} name={name} value={parameters[name]} onChange={(value) => set({ [name]: value })} />)}
          <Field label={words.reasoningEffort}>
            <select className="field" value={parameters.reasoningEffort ?? ""} onChange={({ target }) => set({ reasoningEffort: target.value || null })}>
              <option value="">{words.modelDefault}</option>
              {EFFORTS.map((effort) => <option key={effort} value={effort}>{effort}</option>)}
            </select>
          </Field>
        </div>
        <Field label={words.stopAt} hint={words.stopAtHint}>
          <textarea className="field max-h-40 min-h-10 resize-none field-sizing-content font-mono" rows={1} spellCheck={false} placeholder={words.modelDefault} value={parameters.stopAt ?? ""}
            onChange={({ target }) => set({ stopAt: target.value.split("\n").slice(0, MOST_STOPS).join("\n") || null })} />
        </Field>
        <div className="flex justify-end">
          <button className="button button-quiet h-8" type="button" disabled={!changed} onClick={clear}>{words.allDefaults}</button>
        </div>
      </fieldset>
      {!pane && <OfThePage {...(onOpen ? { onOpen } : {})} />}
    </Modal>
  );
}

/** What is no parameter of a model. */
function OfThePage({ onOpen }: Pick<Shown, "onOpen">): React.JSX.Element {
  const words = useWords();
  const blind = useStore((state) => state.blind);
  const enterSends = useStore((state) => state.enterSends);
  return (
    <div className="mt-2 border-t border-line pt-4">
      <Check label={words.blind} checked={blind} onChange={(checked) => store.setBlind(checked)} />
      <Check label={words.enterSends} checked={enterSends} onChange={(checked) => store.setEnterSends(checked)} />
      <Keeping />
      {onOpen && (
        <div className="mt-4 flex flex-wrap gap-2">
          <button className="button h-8" type="button" onClick={() => onOpen("models")}>{words.models}</button>
          <button className="button h-8" type="button" onClick={() => onOpen("delivery")}>{words.delivery}</button>
        </div>
      )}
    </div>
  );
}

/** Whether conversations are kept. Those that are there go only when it has been asked once more. */
function Keeping(): React.JSX.Element {
  const words = useWords();
  const keeping = useRecords((state) => state.keeping);
  const count = useRecords((state) => state.summaries?.length ?? 0);
  const [asking, setAsking] = useState(false);
  const change = (next: boolean): void => {
    setAsking(!next && count > 0);
    if (next || count === 0) void store.conversations.setKeeping(next);
  };
  const stop = (): void => {
    setAsking(false);
    void store.conversations.setKeeping(false);
  };
  return (
    <>
      <Check label={words.keepConversations} checked={keeping && !asking} onChange={change} />
      {asking && (
        <div className="mb-3 rounded-lg bg-bad-soft px-3 py-2 text-sm" role="alert">
          <p>{filling(words.keepNoneSure, { count })}</p>
          <div className="mt-2 flex flex-wrap justify-end gap-2">
            <button className="button h-8" type="button" onClick={() => setAsking(false)}>{words.cancel}</button>
            <button className="button h-8 text-bad" type="button" onClick={stop}>{words.keepNone}</button>
          </div>
        </div>
      )}
    </>
  );
}

interface Numbered {
  name: Numeric;
  value: number | null;
  onChange: (value: number | null) => void;
}

/** A number that may not be sent stays in its field, said to be wrong; what was there before goes on counting. */
function NumberField({ name, value, onChange }: Numbered): React.JSX.Element {
  const words = useWords();
  const { least, most, step } = RANGES[name];
  const id = useId();
  const [wrong, setWrong] = useState(false);
  const change = ({ value: text, valueAsNumber, validity }: HTMLInputElement): void => {
    const refused = validity.badInput || (text !== "" && outside(name, valueAsNumber));
    setWrong(refused);
    if (!refused) onChange(text === "" ? null : valueAsNumber);
  };
  return (
    <Field label={words[name]}>
      <input className="field aria-invalid:border-bad" type="number" inputMode="decimal" min={least} max={most} step={step === 1 ? 1 : "any"} placeholder={words.modelDefault} defaultValue={value ?? ""}
        aria-invalid={wrong} aria-describedby={wrong ? id : undefined} onChange={({ target }) => change(target)} />
      {wrong && <span id={id} className="mt-1 block text-xs text-bad" role="alert">{filling(step === 1 ? words.withinWhole : words.within, { least, most })}</span>}
    </Field>
  );
}
