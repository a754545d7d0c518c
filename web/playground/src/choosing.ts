/** The models to choose from, by provider, as far as a search leaves them. */

import { LOCAL, type ModelConfig, type Provider } from "./api";
import type { State } from "./state";
import type { Words } from "./words";

export interface ModelGroup {
  providerId: string;
  title: string;
  models: readonly ModelConfig[];
}

/** Without the demonstrations, where their person wants none and has others. */
export function offered({ models = [], demosHidden }: Pick<State, "models" | "demosHidden">): readonly ModelConfig[] {
  const others = demosHidden ? models.filter(({ providerId }) => providerId !== LOCAL) : [];
  return others.length ? others : models;
}

/** Names of companies are the same in every language; the server's own models are none. */
export function providerName({ providerId, title = "" }: Pick<Provider, "providerId"> & { title?: string | undefined }, words: Words): string {
  return providerId === LOCAL ? words.localProvider : title || providerId;
}

/** Every word is in its name, its model's or its provider's. Providers come as their first model does. */
export function groupsOf(models: readonly ModelConfig[], providers: readonly Provider[], search = ""): ModelGroup[] {
  const titles = new Map(providers.map(({ providerId, title }) => [providerId, title]));
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, ModelConfig[]>();
  for (const model of models) {
    const { name, modelId, providerId } = model;
    const said = `${name} ${modelId} ${providerId} ${titles.get(providerId) ?? ""}`.toLowerCase();
    if (!words.every((word) => said.includes(word))) continue;
    const group = groups.get(providerId);
    if (group) group.push(model);
    else groups.set(providerId, [model]);
  }
  return [...groups].map(([providerId, found]) => ({ providerId, title: titles.get(providerId) || providerId, models: found }));
}
