/** Presets chosen from the box: `/` and a part of the name. */

import { useWords } from "./words";
import type { Listbox } from "./listbox";
import type { Preset } from "./presets";

const AT_START = /^\/([^\n]{0,100})$/;

/** What stands after the slash that begins the box; `undefined` where there is none. */
export function afterSlash(draft: string): string | undefined {
  return AT_START.exec(draft)?.[1];
}

interface Shown {
  list: Listbox;
  presets: readonly Preset[];
}

export function SlashPresets({ list, presets }: Shown): React.JSX.Element {
  const words = useWords();
  return (
    <div className="absolute inset-x-3 bottom-full z-20 mb-1 max-h-[min(20rem,calc(var(--page-height)*0.45))] overflow-y-auto rounded-xl border border-line bg-card p-1 shadow-xl md:inset-x-4">
      <p className="px-2 pb-0.5 pt-1 text-xs font-medium text-quiet" aria-hidden="true">{words.presets}</p>
      <div {...list.list} aria-label={words.presets}>
        {presets.map((preset, at) => (
          <div key={preset.name} className="cursor-pointer rounded-lg px-2 py-1.5 text-sm aria-selected:bg-soft" {...list.option(at)}>
            <span className="block truncate font-medium">{preset.name}</span>
            <span className="block truncate text-xs text-quiet">{preset.prompt || preset.parameters.system || preset.panes.map(({ name }) => name).join(", ")}</span>
          </div>
        ))}
        <div className="cursor-pointer rounded-lg px-2 py-1.5 text-sm font-medium text-accent aria-selected:bg-soft" {...list.option(presets.length)}>{words.managePresets}…</div>
      </div>
    </div>
  );
}
