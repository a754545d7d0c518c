/** The parameters of all panes, or of one that is unlinked from the others. Empty: the model's own default. */

import { Field, Modal, type Opened } from "./dialogs";
import { parametersOf, type Parameters } from "./state";
import { store, useStore } from "./store";
import { useWords } from "./words";

const EFFORTS = ["none", "minimal", "low", "medium", "high"];

export function Settings({ open, onClose, paneId }: Opened & { paneId: string | undefined }): React.JSX.Element {
  const words = useWords();
  const shared = useStore((state) => state.parameters);
  const blind = useStore((state) => state.blind);
  const pane = useStore((state) => state.panes.find(({ id }) => id === paneId));
  const parameters = pane ? parametersOf({ parameters: shared }, pane) : shared;
  const set = (change: Partial<Parameters>): void => store.setParameters({ ...parameters, ...change }, pane?.id);
  const linked = pane !== undefined && !pane.parameters;
  return (
    <Modal open={open} onClose={onClose} title={pane ? words.paneSettings : words.parameters}>
      {pane && <Check label={words.linked} checked={linked} onChange={(checked) => store.setLinked(pane.id, checked)} />}
      <fieldset disabled={linked} className="disabled:opacity-60">
        <Field label={words.system} {...(pane ? {} : { hint: words.sent })}>
          <textarea className="field min-h-24" placeholder={words.systemHint} value={parameters.system} onChange={({ target }) => set({ system: target.value })} />
        </Field>
        <div className="grid gap-x-3 sm:grid-cols-2">
          <NumberField label={words.temperature} value={parameters.temperature} least={0} most={2} step={0.1} onChange={(temperature) => set({ temperature })} />
          <NumberField label={words.topP} value={parameters.topP} least={0} most={1} step={0.05} onChange={(topP) => set({ topP })} />
          <NumberField label={words.maxTokens} value={parameters.maxTokens} least={1} most={1_000_000} step={1} onChange={(maxTokens) => set({ maxTokens })} />
          <NumberField label={words.seed} value={parameters.seed} least={0} most={2 ** 31 - 1} step={1} onChange={(seed) => set({ seed })} />
          <Field label={words.reasoningEffort}>
            <select className="field" value={parameters.reasoningEffort ?? ""} onChange={({ target }) => set({ reasoningEffort: target.value || null })}>
              <option value="">{words.modelDefault}</option>
              {EFFORTS.map((effort) => <option key={effort} value={effort}>{effort}</option>)}
            </select>
          </Field>
        </div>
      </fieldset>
      {!pane && <Check label={words.blind} checked={blind} onChange={(checked) => store.setBlind(checked)} />}
    </Modal>
  );
}

function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }): React.JSX.Element {
  return (
    <label className="mb-3 flex items-center gap-2 text-sm font-medium">
      <input className="size-4 accent-accent" type="checkbox" checked={checked} onChange={({ target }) => onChange(target.checked)} /> {label}
    </label>
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
