/** The server's REST part, as far as the page needs it. */

import { HeadraceError } from "@headrace/client";

export interface ModelConfig {
  configId: string;
  name: string;
  providerId: string;
  endpoint: string;
  modelId: string;
  hasKey: boolean;
}

export interface NewModel {
  name: string;
  providerId: string;
  endpoint: string;
  modelId: string;
  apiKey: string;
}

export const LOCAL = "local";

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

export async function listModels(project: string): Promise<ModelConfig[]> {
  return (await ask<{ models: ModelConfig[] }>(`/projects/${encodeURIComponent(project)}/models/`)).models;
}

export function addModel(project: string, model: NewModel): Promise<ModelConfig> {
  return ask(`/projects/${encodeURIComponent(project)}/models/`, { method: "POST", body: JSON.stringify(model) });
}

export function removeModel(project: string, configId: string): Promise<unknown> {
  return ask(`/projects/${encodeURIComponent(project)}/models/${encodeURIComponent(configId)}/`, { method: "DELETE" });
}
