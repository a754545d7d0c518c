/** Questions, parameters and models under a name, kept in this browser. What comes from a file is read with care. */

import { useSyncExternalStore } from "react";

import { NO_PARAMETERS, type Parameters } from "./state";

export interface Preset {
  name: string;
  prompt: string;
  parameters: Parameters;
  configIds: readonly string[];
}

const KEPT = "headrace.presets";
const MOST = 200;
const MOST_TEXT = 100_000; // characters of one
const listeners = new Set<() => void>();
let presets: readonly Preset[] = read();

function read(): readonly Preset[] {
  try {
    return presetsIn(localStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

/** The presets in a JSON text; throws where it holds something else. */
export function presetsIn(json: string): readonly Preset[] {
  const value: unknown = JSON.parse(json);
  if (!Array.isArray(value)) throw new TypeError("no list");
  return value.slice(0, MOST).map(presetOf);
}

function presetOf(value: unknown): Preset {
  const { name, prompt, parameters, configIds } = (value ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !name.trim()) throw new TypeError("a preset has a name");
  const ids = Array.isArray(configIds) ? configIds.filter((id) => typeof id === "string") : [];
  return { name: name.slice(0, 100), prompt: text(prompt), parameters: parametersIn(parameters), configIds: ids };
}

function parametersIn(value: unknown): Parameters {
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const number = (name: string): number | null => (typeof given[name] === "number" && Number.isFinite(given[name]) ? given[name] : null);
  return {
    ...NO_PARAMETERS,
    system: text(given.system),
    temperature: number("temperature"),
    maxTokens: number("maxTokens"),
    topP: number("topP"),
    seed: number("seed"),
    reasoningEffort: typeof given.reasoningEffort === "string" ? given.reasoningEffort.slice(0, 20) : null,
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MOST_TEXT) : "";
}

/** One of the same name is replaced. */
export function addPresets(added: readonly Preset[]): void {
  const names = new Set(added.map(({ name }) => name));
  put([...presets.filter(({ name }) => !names.has(name)), ...added].slice(-MOST));
}

export function removePreset(name: string): void {
  put(presets.filter((preset) => preset.name !== name));
}

function put(next: readonly Preset[]): void {
  presets = next;
  localStorage.setItem(KEPT, JSON.stringify(next));
  for (const listener of listeners) listener();
}

export function usePresets(): readonly Preset[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => presets,
  );
}
