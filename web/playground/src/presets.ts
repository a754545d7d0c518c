/** Questions, parameters and models under a name, kept in this browser. What comes from a file is read with care. */

import { useSyncExternalStore } from "react";

import { parametersIn, type Parameters } from "./parameters";
import { MOST_PANES } from "./state";

export interface PresetPane {
  configId: string;
  /** The model's name where it was saved: another installation knows it by another id. */
  name: string;
  /** Its own, where it is not linked to those of all. */
  parameters?: Parameters | undefined;
}

export interface Preset {
  name: string;
  prompt: string;
  parameters: Parameters;
  panes: readonly PresetPane[];
}

const KEPT = "headrace.presets";
const MOST = 200;
const MOST_TEXT = 100_000; // characters of one
const LONGEST_NAME = 100;
const listeners = new Set<() => void>();
let presets: readonly Preset[] = read();

addEventListener("storage", ({ key }) => {
  if (key !== KEPT) return;
  presets = read(); // another tab has changed them
  for (const listener of listeners) listener();
});

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
  const { name, prompt, parameters, panes, configIds } = (value ?? {}) as Record<string, unknown>;
  if (typeof name !== "string" || !name.trim()) throw new TypeError("a preset has a name");
  const listed = Array.isArray(panes) ? panes.map(paneOf) : Array.isArray(configIds) ? configIds.map((configId) => paneOf({ configId })) : [];
  return { name: name.trim().slice(0, LONGEST_NAME), prompt: text(prompt), parameters: parametersIn(parameters), panes: listed.filter(({ configId }) => configId).slice(0, MOST_PANES) };
}

function paneOf(value: unknown): PresetPane {
  const { configId, name, parameters } = (value ?? {}) as Record<string, unknown>;
  const own = parameters === undefined ? {} : { parameters: parametersIn(parameters) };
  return { configId: text(configId), name: text(name), ...own };
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MOST_TEXT) : "";
}

/** One of the same name is replaced. */
export function addPresets(added: readonly Preset[]): void {
  put([...without(added), ...added].slice(-MOST));
}

/** In place of the one of its name. Returns what brings that back; throws where there is no room. */
export function replacePreset(preset: Preset): () => void {
  return changing(preset.name, [preset]);
}

/** Returns what brings it back to where it stood; throws where there is no room. */
export function removePreset(name: string): () => void {
  return changing(name, []);
}

/** What stands under this name becomes these. */
function changing(name: string, next: readonly Preset[]): () => void {
  const at = presets.findIndex((preset) => preset.name === name);
  const before = presets[at];
  if (!before) return () => undefined;
  put(presets.toSpliced(at, 1, ...next));
  return () => put(without([before]).toSpliced(at, 0, before).slice(-MOST));
}

function without(others: readonly Preset[]): readonly Preset[] {
  const names = new Set(others.map(({ name }) => name));
  return presets.filter(({ name }) => !names.has(name));
}

/** Those that a text after the slash may mean: whose name begins with it first. */
export function matching(text: string, all: readonly Preset[] = presets): readonly Preset[] {
  const wanted = text.trim().toLowerCase();
  const place = ({ name }: Preset): number => name.toLowerCase().indexOf(wanted);
  return all.filter((preset) => place(preset) >= 0).toSorted((a, b) => Number(place(a) > 0) - Number(place(b) > 0));
}

function put(next: readonly Preset[]): void {
  localStorage.setItem(KEPT, JSON.stringify(next)); // throws where there is no room: then nothing has changed
  presets = next;
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
