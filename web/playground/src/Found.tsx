/** What is on this machine, one click away: models that run here, and those that a key of its environment opens. */

import { Icon } from "./Icon";
import { store, useStore } from "./store";
import { useWords } from "./words";

export function Found({ paneId }: { paneId: string }): React.JSX.Element | null {
  const words = useWords();
  const found = useStore((state) => state.found);
  if (!found.length) return null;
  return (
    <div className="text-sm">
      <p className="mb-1.5 text-quiet">{words.found}</p>
      <ul className="flex flex-wrap justify-center gap-2">
        {found.map((each) => (
          <li key={`${each.providerId} ${each.modelId}`}>
            <button className="button h-8 rounded-full" type="button" onClick={() => void store.models.adopt(each, paneId)}>
              <Icon name="add" size={13} /> {each.modelId} <span className="font-normal text-quiet">{each.title}{each.keyHere && ` · ${words.yourKey}`}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
