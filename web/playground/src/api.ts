/** The server's REST part, as far as the page needs it. */

import { HeadraceError } from "@headrace/client";

import type { Wire } from "./wire";

export interface ModelConfig {
  configId: string;
  name: string;
  providerId: string;
  endpoint: string;
  modelId: string;
  hasKey: boolean;
  /** False: known to read text only. */
  readsImages?: boolean;
}

export interface NewModel {
  name: string;
  providerId: string;
  endpoint: string;
  modelId: string;
  apiKey: string;
}

export interface Provider {
  providerId: string;
  title: string;
  /** Empty: the caller has to give one. */
  endpoint: string;
  /** The environment variable in which people keep its key; empty where there is none. */
  keyVariable: string;
  abilities: { models: boolean };
}

/** A model that runs on this machine and is not stored yet. */
export interface FoundModel {
  provider: Provider;
  modelId: string;
}

export const LOCAL = "local";
const ON_THIS_MACHINE = /^http:\/\/(127\.0\.0\.1|localhost)[:/]/;
const MOST_FOUND = 3; // of one server: an offer, not a list

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(`/api${path}`, { ...init, headers: { "Content-Type": "application/json" } });
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.ok) return body as T;
  throw new HeadraceError(String(body.code ?? `http_${response.status}`), String(body.error ?? response.statusText), {
    status: response.status,
    field: body.field as string | undefined,
  });
}

/** The project that the page works in: the default one, or the first that the caller may use. */
export async function chosenProject(): Promise<string> {
  const { projects } = await ask<{ projects: { id: string }[] }>("/projects/");
  return projects.find(({ id }) => id === "default")?.id ?? projects[0]?.id ?? "default";
}

/** The name of who has signed in; empty where nobody has to. */
export async function whoami(): Promise<string> {
  return (await ask<{ name?: string }>("/me/").catch(() => ({ name: "" }))).name ?? "";
}

export async function listModels(project: string): Promise<ModelConfig[]> {
  return (await ask<{ models: ModelConfig[] }>(`/projects/${encodeURIComponent(project)}/models/`)).models;
}

export function addModel(project: string, model: NewModel): Promise<ModelConfig> {
  return ask(`/projects/${encodeURIComponent(project)}/models/`, { method: "POST", body: JSON.stringify(model) });
}

/** What is not given stays. A changed address forgets the key, unless one is sent along. */
export function changeModel(project: string, configId: string, change: Partial<NewModel>): Promise<ModelConfig> {
  return ask(`/projects/${encodeURIComponent(project)}/models/${encodeURIComponent(configId)}/`, { method: "PATCH", body: JSON.stringify(change) });
}

export function removeModel(project: string, configId: string): Promise<unknown> {
  return ask(`/projects/${encodeURIComponent(project)}/models/${encodeURIComponent(configId)}/`, { method: "DELETE" });
}

export async function listProviders(): Promise<Provider[]> {
  return (await ask<{ providers: Provider[] }>("/providers/")).providers;
}

/** The names of a provider's models: its address and key are right if this answers. */
export async function listProviderModels(providerId: string, endpoint = "", apiKey = ""): Promise<string[]> {
  const path = `/providers/${encodeURIComponent(providerId)}/models/`;
  const { models } = await ask<{ models: { id: string }[] }>(path, { method: "POST", body: JSON.stringify({ endpoint, apiKey }) });
  return models.map(({ id }) => id);
}

/** What the model servers of this machine have. One that does not run is no error. */
export async function findModels(providers: readonly Provider[]): Promise<FoundModel[]> {
  const taken = new Set([location.port]); // several dialects at one address are one server, and one is ourselves
  const here = providers.filter(({ endpoint, abilities }) => {
    if (!abilities.models || !ON_THIS_MACHINE.test(endpoint)) return false;
    const { port } = new URL(endpoint);
    return !taken.has(port) && taken.add(port);
  });
  const found = here.map(async (provider) => {
    const names = await listProviderModels(provider.providerId).catch(() => []);
    const chatting = names.filter((name) => !name.toLowerCase().includes("embed"));
    return chatting.slice(0, MOST_FOUND).map((modelId) => ({ provider, modelId }));
  });
  return (await Promise.all(found)).flat();
}

/** What the server kept of a stream's wire. */
export function streamWire(project: string, id: string): Promise<Wire> {
  return ask(`/projects/${encodeURIComponent(project)}/playground/streams/${encodeURIComponent(id)}/wire/`);
}

/** A stream's events as the server sends them, from the first on, for as long as it keeps them. */
export async function streamText(project: string, id: string, signal: AbortSignal): Promise<string> {
  const path = `/api/projects/${encodeURIComponent(project)}/playground/streams/${encodeURIComponent(id)}/?includeUsage=true&includeIds=true`;
  const response = await fetch(path, { signal });
  if (!response.ok) throw new HeadraceError(`http_${response.status}`, response.statusText, { status: response.status });
  return response.text();
}
