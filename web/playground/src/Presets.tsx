/** Presets: used with a click, saved from what the page shows, carried as a file. */

import { useRef, useState } from "react";

import { download } from "./download";
import { Field, Modal, type Opened } from "./dialogs";
import { Icon } from "./Icon";
import { addPresets, presetsIn, removePreset, usePresets, type Preset } from "./presets";
import { store, useStore } from "./store";
import { useWords } from "./words";

export function Presets({ open, onClose }: Opened): React.JSX.Element {
  const words = useWords();
  const presets = usePresets();
  const use = (preset: Preset): void => {
    store.usePreset(preset);
    onClose();
    document.getElementById("prompt")?.focus();
  };
  return (
    <Modal open={open} onClose={onClose} title={words.presets}>
      <p className="mb-3 text-sm text-quiet">{presets.length ? words.presetsHint : words.noPresets}</p>
      <ul className="mb-4 max-h-64 overflow-y-auto">
        {presets.map((preset) => (
          <li key={preset.name} className="flex items-center gap-1 border-b border-line py-1 last:border-0">
            <button className="mr-auto min-w-0 rounded-lg px-2 py-1 text-left text-sm hover:bg-soft" type="button" onClick={() => use(preset)}>
              <span className="block truncate font-medium">{preset.name}</span>
              <span className="block truncate text-xs text-quiet">{preset.prompt || preset.parameters.system || preset.configIds.join(", ")}</span>
            </button>
            <button className="button button-quiet button-square h-8 w-8 shrink-0" type="button" aria-label={`${words.deleted} ${preset.name}`} onClick={() => removePreset(preset.name)}><Icon name="close" size={14} /></button>
          </li>
        ))}
      </ul>
      <Saving />
      <Carrying presets={presets} />
    </Modal>
  );
}

function Saving(): React.JSX.Element {
  const words = useWords();
  const [name, setName] = useState("");
  const { draft, parameters, panes } = useStore((state) => state);
  const prompt = draft || (panes[0]?.turns.at(-1)?.prompt ?? "");
  const save = (): void => {
    addPresets([{ name: name.trim(), prompt, parameters, configIds: panes.map(({ configId }) => configId) }]);
    setName("");
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); save(); }}>
      <Field label={words.presetName}>
        <span className="flex gap-2">
          <input className="field" maxLength={100} value={name} onChange={({ target }) => setName(target.value)} />
          <button className="button button-main h-10" type="submit" disabled={!name.trim()}>{words.keep}</button>
        </span>
      </Field>
    </form>
  );
}

function Carrying({ presets }: { presets: readonly Preset[] }): React.JSX.Element {
  const words = useWords();
  const picker = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState(false);
  const take = async (file: File | undefined): Promise<void> => {
    try {
      if (file) addPresets(presetsIn(await file.text()));
      setWrong(false);
    } catch {
      setWrong(true);
    }
  };
  return (
    <div className="flex flex-wrap items-center justify-end gap-2">
      {wrong && <p className="mr-auto text-sm text-bad" role="alert">{words.notPresets}</p>}
      <input ref={picker} className="hidden" type="file" accept="application/json,.json" aria-label={words.importOne} onChange={({ target }) => { void take(target.files?.[0]); target.value = ""; }} />
      <button className="button" type="button" onClick={() => picker.current?.click()}>{words.importOne}</button>
      <button className="button" type="button" disabled={!presets.length} onClick={() => download("presets.json", JSON.stringify(presets, null, 2))}>{words.exportAll}</button>
    </div>
  );
}
