/** The stored models: what each is, changed or removed. */

import { HeadraceError } from "@headrace/client";
import { useState } from "react";

import { LOCAL, type ModelConfig } from "./api";
import { providerName } from "./choosing";
import { Check, Modal, type Opened } from "./dialogs";
import EditModel from "./EditModel";
import { Icon } from "./Icon";
import { store, useStore } from "./store";
import { filling, useWords } from "./words";

export default function Models({ open, onClose, onAdd }: Opened & { onAdd: () => void }): React.JSX.Element {
  const words = useWords();
  const models = useStore((state) => state.models);
  const [edited, setEdited] = useState<ModelConfig>();
  const [leaving, setLeaving] = useState<ModelConfig>();
  if (edited) return <EditModel model={edited} first="name" onClose={() => setEdited(undefined)} />;
  return (
    <Modal open={open} onClose={onClose} title={words.models}>
      {models?.length === 0 && <p className="mb-3 text-sm text-quiet">{words.noModels}</p>}
      <ul className="mb-4 max-h-[min(28rem,60dvh)] overflow-y-auto">
        {models?.map((model) => (
          <li key={model.configId} className="border-b border-line py-2 last:border-0">
            <Described model={model} onEdit={() => setEdited(model)} onRemove={() => setLeaving(model)} />
            {leaving?.configId === model.configId && <Leaving model={model} onEnd={() => setLeaving(undefined)} />}
          </li>
        ))}
      </ul>
      <Demonstrations />
      <div className="flex justify-end">
        <button className="button button-main" type="button" onClick={onAdd}><Icon name="add" /> {words.add}</button>
      </div>
    </Modal>
  );
}

/** Whether they are offered beside models that are more than that; where there are no others there is no choice. */
function Demonstrations(): React.JSX.Element | null {
  const words = useWords();
  const hidden = useStore((state) => state.demosHidden);
  const both = useStore(({ models = [] }) => new Set(models.map(({ providerId }) => providerId === LOCAL)).size === 2);
  if (!both) return null;
  return <Check label={words.hideDemos} checked={hidden} onChange={(checked) => store.setDemosHidden(checked)} />;
}

interface Described {
  model: ModelConfig;
  onEdit: () => void;
  onRemove: () => void;
}

function Described({ model, onEdit, onRemove }: Described): React.JSX.Element {
  const words = useWords();
  const provider = useStore(({ providers }) => providers.find(({ providerId }) => providerId === model.providerId));
  const own = model.providerId === LOCAL;
  const facts = [providerName(provider ?? model, words), model.modelId === model.name ? "" : model.modelId, model.endpoint, model.hasKey || own ? "" : words.noKey];
  return (
    <div className="flex items-center gap-1">
      <div className="mr-auto min-w-0 text-sm">
        <p className="flex items-center gap-2 font-medium"><span className="truncate">{model.name}</span>{own && <span className="shrink-0 rounded-full bg-tint px-2 text-xs text-accent">{words.demo}</span>}</p>
        <p className="break-words text-xs text-quiet">{facts.filter(Boolean).join(" · ")}</p>
      </div>
      <Act icon="edit" name={filling(words.changeOne, { name: model.name })} onClick={onEdit} />
      <Act icon="remove" name={filling(words.removeOne, { name: model.name })} onClick={onRemove} />
    </div>
  );
}

function Act({ icon, name, onClick }: { icon: React.ComponentProps<typeof Icon>["name"]; name: string; onClick: () => void }): React.JSX.Element {
  return <button className="button button-quiet button-square h-8 w-8 shrink-0" type="button" aria-label={name} title={name} onClick={onClick}><Icon name={icon} /></button>;
}

/** Asked first: a key that is gone from the server cannot be had back. */
function Leaving({ model, onEnd }: { model: ModelConfig; onEnd: () => void }): React.JSX.Element {
  const words = useWords();
  const [wrong, setWrong] = useState("");
  const remove = (): void => void store.models.remove(model.configId).then(onEnd, (error: unknown) => setWrong(error instanceof HeadraceError ? error.message : String(error)));
  return (
    <div className="mt-2 rounded-lg bg-bad-soft px-3 py-2 text-sm" role="alert">
      <p>{wrong || filling(model.hasKey ? words.removeSureKey : words.removeSure, { name: model.name })}</p>
      <div className="mt-2 flex justify-end gap-2">
        <button className="button h-8" type="button" onClick={onEnd}>{words.cancel}</button>
        <button className="button h-8 text-bad" type="button" autoFocus onClick={remove}>{words.deleted}</button>
      </div>
    </div>
  );
}
