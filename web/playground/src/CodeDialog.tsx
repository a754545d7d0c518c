/** One answer's question as code, and as what went over the wire. */

import { useState } from "react";

import { Block } from "./Block";
import { Modal, type Opened } from "./dialogs";
import { KINDS, snippet, type Kind } from "./snippets";
import { requestOf, type Turn } from "./state";
import { useStore } from "./store";
import { Wire } from "./Wire";
import { useWords } from "./words";

export default function CodeDialog({ open, onClose, turnId }: Opened & { turnId: string | undefined }): React.JSX.Element {
  const words = useWords();
  const [wire, setWire] = useState(false);
  const panes = useStore((state) => state.panes);
  const turns = panes.map((pane) => pane.turns).find((each) => each.some(({ id }) => id === turnId)) ?? [];
  const asked = turns.slice(0, turns.findIndex(({ id }) => id === turnId) + 1);
  return (
    <Modal open={open} onClose={onClose} title={wire ? words.wire : words.code} wide>
      <div className="mb-3 flex gap-1" role="tablist">
        <Tab name={words.code} chosen={!wire} onClick={() => setWire(false)} />
        <Tab name={words.wire} chosen={wire} onClick={() => setWire(true)} />
      </div>
      {asked.length > 0 && (wire ? <Wire key={turnId} turns={asked} /> : <Code turns={asked} />)}
    </Modal>
  );
}

function Tab({ name, chosen, onClick }: { name: string; chosen: boolean; onClick: () => void }): React.JSX.Element {
  return <button className={`button h-8 ${chosen ? "button-main" : "button-quiet"}`} type="button" role="tab" aria-selected={chosen} onClick={onClick}>{name}</button>;
}

function Code({ turns }: { turns: readonly Turn[] }): React.JSX.Element {
  const words = useWords();
  const { project, models, providers } = useStore((state) => state);
  const [kind, setKind] = useState<Kind>("curl");
  const model = models?.find(({ configId }) => configId === turns.at(-1)?.configId);
  const keyVariable = providers.find(({ providerId }) => providerId === model?.providerId)?.keyVariable;
  const text = snippet(kind, { request: requestOf(turns), origin: location.origin, project, model, keyVariable });
  return (
    <div>
      <p className="mb-2 text-sm text-quiet">{words.codeHint}</p>
      <div className="mb-2 flex flex-wrap gap-1" role="tablist">
        {KINDS.map((each) => <Tab key={each} name={each} chosen={each === kind} onClick={() => setKind(each)} />)}
      </div>
      <Block title={kind} text={text} />
    </div>
  );
}
