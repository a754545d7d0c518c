/** What a preset or a link puts in place of what stands in the page. Nothing of it is sent. */

import type { ModelConfig } from "./api";
import { fillingIn } from "./links";
import type { Preset, PresetPane } from "./presets";
import { newPane, type Pane, type State } from "./state";

/** What the page's store lets this part do. */
export interface Page {
  state: () => State;
  set: (change: Partial<State>) => void;
  /** A new conversation, with these panes or those that are there. */
  begin: (panes?: readonly Pane[]) => void;
}

export class Prefilling {
  constructor(readonly page: Page) {}

  /** Of its models those that are here. */
  fill({ prompt, parameters, panes }: Omit<Preset, "name">, byLink = false): void {
    const { models = [], panes: before } = this.page.state();
    const found = panes.map((wanted) => ({ ...wanted, model: modelOf(models, wanted) }));
    const missing = found.filter(({ model }) => !model).map(({ name, configId }) => name || configId);
    const wanted = found.flatMap(({ model, parameters: own }) => (model ? [{ ...newPane(model.configId), ...(own ? { parameters: own } : {}) }] : []));
    const same = wanted.map(({ configId }) => configId).join() === before.map(({ configId }) => configId).join();
    if (wanted.length && !same) this.page.begin(wanted);
    const usual = byLink ? (this.page.state().usual ?? this.page.state().parameters) : undefined;
    this.page.set({ parameters, usual, draft: prompt, filled: byLink || missing.length ? { byLink, missing } : undefined });
    if (same) this.page.set({ panes: before.map((pane, at) => ({ ...pane, parameters: wanted[at]?.parameters })) });
  }

  /** What a link in the address says is shown; the address forgets it. */
  fromLink(): void {
    const wanted = fillingIn(location.hash);
    if (!wanted) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    if (this.page.state().panes.some(({ turns }) => turns.length)) this.page.begin();
    this.fill(wanted, true);
  }

  forget(): void {
    this.page.set({ filled: undefined });
  }
}

/** By its id where it was saved, or else by its name: links and other installations know no more. */
function modelOf(models: readonly ModelConfig[], { configId, name }: PresetPane): ModelConfig | undefined {
  return models.find((model) => model.configId === configId) ?? models.find((model) => name && (model.name === name || model.modelId === name));
}
