/** Presets: used with a click, saved from what the page shows, carried as a file or a link. */

import { useRef, useState } from "react";

import { Field, Modal, type Opened } from "./dialogs";
import { download } from "./download";
import { Icon } from "./Icon";
import { linkOf } from "./links";
import { Menu, type Choice } from "./Menu";
import { addPresets, presetsIn, removePreset, replacePreset, usePresets, type Preset } from "./presets";
import type { State } from "./state";
import { store, useStore } from "./store";
import { filling, useWords } from "./words";

export default function Presets({ open, onClose }: Opened): React.JSX.Element {
  const words = useWords();
  const presets = usePresets();
  const [done, setDone] = useState<Done>();
  const use = (preset: Preset): void => {
    store.prefilling.fill(preset);
    onClose();
    document.getElementById("prompt")?.focus();
  };
  return (
    <Modal open={open} onClose={onClose} title={words.presets}>
      <p className="mb-3 text-sm text-quiet">{presets.length ? words.presetsHint : words.noPresets}</p>
      <ul className="mb-4 max-h-64 overflow-y-auto">
        {presets.map((preset) => <Row key={preset.name} preset={preset} onUse={() => use(preset)} onDone={setDone} />)}
      </ul>
      {done && <Undo done={done} onEnd={() => setDone(undefined)} />}
      <Saving presets={presets} />
      <Carrying presets={presets} />
    </Modal>
  );
}

/** What was done to a preset last, and what takes it back. */
interface Done {
  said: string;
  back: () => void;
}

function Undo({ done: { said, back }, onEnd }: { done: Done; onEnd: () => void }): React.JSX.Element {
  const words = useWords();
  const undo = (): void => {
    back();
    onEnd();
  };
  return (
    <p className="mb-3 flex items-center gap-1 rounded-lg border border-line bg-soft py-1 pl-3 pr-1 text-sm" role="status">
      <span className="mr-auto min-w-0 break-words">{said}</span>
      <button className="button button-quiet h-7 text-accent" type="button" onClick={undo}>{words.undo}</button>
      <button className="button button-quiet button-square h-7 w-7" type="button" aria-label={words.close} onClick={onEnd}><Icon name="close" size={14} /></button>
    </p>
  );
}

interface Listed {
  preset: Preset;
  onUse: () => void;
  onDone: (done: Done) => void;
}

function Row({ preset, onUse, onDone }: Listed): React.JSX.Element {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  const link = (): void => void navigator.clipboard.writeText(linkOf(preset, location.origin)).then(() => setCopied(true));
  const choices: Choice[] = [
    { name: words.copyLink, icon: "copy", onChoose: link },
    { name: words.replacePreset, icon: "edit", onChoose: () => onDone({ said: filling(words.presetReplaced, { name: preset.name }), back: replacePreset({ ...presetFrom(store.state), name: preset.name }) }) },
    { name: words.deleted, icon: "remove", grave: true, onChoose: () => onDone({ said: filling(words.presetRemoved, { name: preset.name }), back: removePreset(preset.name) }) },
  ];
  const models = preset.panes.map(({ name, configId }) => name || configId).join(", ");
  return (
    <li className="flex items-center gap-1 border-b border-line py-1 last:border-0">
      <button className="mr-auto min-w-0 rounded-lg px-2 py-1 text-left text-sm hover:bg-soft" type="button" onClick={onUse}>
        <span className="block truncate font-medium">{preset.name}</span>
        <span className="block truncate text-xs text-quiet">{[preset.prompt || preset.parameters.system, models].filter(Boolean).join(" · ")}</span>
      </button>
      {copied && <span className="shrink-0 text-xs text-accent" role="status">{words.copied}</span>}
      <Menu label={filling(words.actsOn, { title: preset.name })} choices={choices} />
    </li>
  );
}

/** What the page shows, without a name. */
function presetFrom({ draft, parameters, panes, models = [] }: State): Omit<Preset, "name"> {
  const named = (configId: string): string => models.find((model) => model.configId === configId)?.name ?? "";
  const kept = panes.map(({ configId, parameters: own }) => ({ configId, name: named(configId), ...(own ? { parameters: own } : {}) }));
  return { prompt: draft || (panes[0]?.turns.at(-1)?.prompt ?? ""), parameters, panes: kept };
}

function Saving({ presets }: { presets: readonly Preset[] }): React.JSX.Element {
  const words = useWords();
  const [name, setName] = useState("");
  const [full, setFull] = useState(false);
  const replaces = presets.some((preset) => preset.name === name.trim());
  const state = useStore((each) => each);
  const save = (): void => {
    try {
      addPresets([{ ...presetFrom(state), name: name.trim() }]);
      setName("");
      setFull(false);
    } catch {
      setFull(true);
    }
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); save(); }}>
      <Field label={words.presetName} {...(replaces ? { hint: words.replacesPreset } : {})}>
        <span className="flex gap-2">
          <input className="field" maxLength={100} value={name} onChange={({ target }) => setName(target.value)} />
          <button className="button button-main h-10" type="submit" disabled={!name.trim()}>{words.keep}</button>
        </span>
      </Field>
      {full && <p className="mb-3 text-sm text-bad" role="alert">{words.presetsFull}</p>}
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
