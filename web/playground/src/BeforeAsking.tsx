/** What stands above the box: fields to fill, what a link has filled, what was not taken. */

import { Icon } from "./Icon";
import { store, useStore } from "./store";
import { variablesOf } from "./variables";
import { filling, useWords } from "./words";

interface Filling {
  values: Readonly<Record<string, string>>;
  onValues: (values: Readonly<Record<string, string>>) => void;
}

export function BeforeAsking({ values, onValues }: Filling): React.JSX.Element {
  const words = useWords();
  const draft = useStore((state) => state.draft);
  const refused = useStore((state) => state.refused);
  const blinded = useBlinded();
  const names = variablesOf(draft);
  return (
    <div className="-mx-1 -mt-1 mb-0.5 max-h-[calc(var(--page-height)*0.3)] space-y-1.5 overflow-y-auto p-1 empty:hidden">
      {refused && <p className="rounded-lg bg-bad-soft px-3 py-1.5 text-sm text-bad" role="alert">{refused.file} {words[refused.why]}</p>}
      {blinded && <p className="rounded-lg border border-line bg-card px-3 py-1.5 text-sm text-quiet" role="status">{blinded} {words.textOnly}</p>}
      <Filled />
      {names.length > 0 && (
        <div className="grid gap-2 sm:grid-cols-3">
          {names.map((name) => (
            <label key={name} className="flex min-w-0 items-center gap-2 text-sm">
              <span className="max-w-1/2 shrink-0 truncate text-quiet">{name}</span>
              <input className="field h-9 min-w-0" value={values[name] ?? ""} onChange={({ target }) => onValues({ ...values, [name]: target.value })} />
            </label>
          ))}
        </div>
      )}
    </div>
  );
}

/** Somebody else may have written the link: what it has filled is said, and looked at before it is sent. */
function Filled(): React.JSX.Element | null {
  const words = useWords();
  const filled = useStore((state) => state.filled);
  const system = useStore((state) => state.parameters.system);
  if (!filled) return null;
  return (
    <div className="flex items-start gap-2 rounded-lg border border-line bg-card py-1 pl-3 pr-1 text-sm" role="status">
      <div className="mr-auto min-w-0 py-0.5">
        {filled.byLink && <p>{words.filledByLink}</p>}
        {filled.byLink && system && <p className="line-clamp-2 break-words text-xs text-quiet">{words.system}: {system}</p>}
        {filled.missing.length > 0 && <p className="break-words text-quiet">{filling(words.notHere, { names: filled.missing.join(", ") })}</p>}
      </div>
      <button className="button button-quiet button-square h-7 w-7 shrink-0" type="button" aria-label={words.close} onClick={() => store.prefilling.forget()}><Icon name="close" size={14} /></button>
    </div>
  );
}

/** The chosen models that are known to see no pictures, where one is attached. */
function useBlinded(): string {
  return useStore(({ attached, panes, models = [] }) => {
    if (!attached.some(({ kind }) => kind === "image")) return "";
    const chosen = new Set(panes.map(({ configId }) => configId));
    return models.filter(({ configId, readsImages }) => chosen.has(configId) && readsImages === false).map(({ name }) => name).join(", ");
  });
}
