/** The models that there are to choose from: those that the project stores, and those that were found beside them. */

import { addModel, changeModel, findModels, listProviders, removeModel, type FoundModel, type NewModel } from "./api";
import { offered } from "./choosing";
import { MOST_PANES, newPane, type Pane, type State } from "./state";
import { problemOf } from "./streams";

/** What the page's store lets this part do. */
export interface Page {
  state: () => State;
  set: (change: Partial<State>) => void;
  choose: (paneId: string, configId: string) => void;
}

export class Catalogue {
  constructor(readonly page: Page) {}

  /** What there is to choose from besides the stored models. The page works without it. */
  async look(): Promise<void> {
    const [providers, found] = await Promise.all([listProviders().catch(() => []), findModels().catch(() => [])]);
    const stored = new Set(this.page.state().models?.map(({ providerId, modelId }) => `${providerId} ${modelId}`));
    this.page.set({ providers, found: found.filter(({ providerId, modelId }) => !stored.has(`${providerId} ${modelId}`)) });
  }

  /** Store a model that was found, and let this pane have it. */
  async adopt(found: FoundModel, paneId: string): Promise<void> {
    const { providerId, modelId, keyHere } = found;
    this.page.set({ found: this.page.state().found.filter((each) => each !== found) });
    const model = { providerId, name: modelId, modelId, endpoint: "", apiKey: "", keyFromEnvironment: keyHere };
    await this.add(model, paneId).catch((error: unknown) => this.page.set({ problem: problemOf(error) }));
  }

  async add(model: NewModel, paneId?: string): Promise<void> {
    const added = await addModel(this.page.state().project, model);
    this.page.set({ models: [...(this.page.state().models ?? []), added] });
    if (paneId) this.page.choose(paneId, added.configId);
  }

  async change(configId: string, change: Partial<NewModel>): Promise<void> {
    const changed = await changeModel(this.page.state().project, configId, change);
    this.page.set({ models: this.page.state().models?.map((model) => (model.configId === configId ? changed : model)) });
  }

  /** With its key, for good. */
  async remove(configId: string): Promise<void> {
    await removeModel(this.page.state().project, configId);
    this.page.set({ models: this.page.state().models?.filter((model) => model.configId !== configId) });
    this.fit();
  }

  /** Panes of models that are there; one at least. */
  fit(): void {
    const { models: known = [], panes: before } = this.page.state();
    const first = offered(this.page.state()).slice(0, 2);
    const fits = ({ configId, turns }: Pane): boolean => turns.length > 0 || known.some((each) => each.configId === configId);
    const panes = before.filter(fits).slice(0, MOST_PANES);
    this.page.set({ panes: panes.length ? panes : first.map(({ configId }) => newPane(configId)) });
  }

  nameOf(configId: string): string {
    return this.page.state().models?.find((model) => model.configId === configId)?.name ?? configId;
  }
}
