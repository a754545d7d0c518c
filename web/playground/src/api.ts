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
  keyFromEnvironment?: boolean;
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

/** A model that can be used at once and is not stored yet. */
export interface FoundModel {
  providerId: string;
  title: string;
  modelId: string;
  /** By a key that the server's environment holds. */
  keyHere: boolean;
}

export const LOCAL = "local";

export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
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

export interface Tried {
  tookMs: number;
  content: string;
  /** What went wrong, if something did. */
  code: string;
  message: string;
}

const TRIED_SECONDS = 30;
const TRIED_TOKENS = 64; // enough for a model that thinks first to begin
const MOST_SAID = 120; // characters

/** One short question to a model that is not stored: its address, key and name are right if it answers. Its key is kept nowhere. */
export async function tryModel(project: string, { providerId, endpoint, modelId, apiKey }: NewModel): Promise<Tried> {
  const began = performance.now();
  const messages = [{ role: "user", content: "Say hello." }];
  const body = JSON.stringify({ messages, model: { providerId, endpoint, modelId, apiKey }, maxTokens: TRIED_TOKENS, temperature: null, timeout: TRIED_SECONDS });
  const answered = await ask<{ content: string; reasoning: string }>(`/projects/${encodeURIComponent(project)}/playground/chat/`, { method: "POST", body }).catch((error: unknown) => error);
  const tookMs = performance.now() - began;
  if (answered instanceof HeadraceError) return { tookMs, content: "", code: answered.code, message: answered.message };
  if (answered instanceof Error) return { tookMs, content: "", code: "unreachable", message: answered.message };
  const { content, reasoning } = answered as { content: string; reasoning: string };
  return { tookMs, content: (content || reasoning).trim().slice(0, MOST_SAID), code: "", message: "" };
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

/** Model servers that run on this machine, and keys that lie in its environment; nothing where the server is for several people. */
export async function findModels(): Promise<FoundModel[]> {
  return (await ask<{ models: FoundModel[] }>("/found/")).models;
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
