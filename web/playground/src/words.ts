/** The page's words, in two languages with the same keys, a file for each area; and how numbers are said. */

import { useSyncExternalStore } from "react";

import * as answers from "./words/answers";
import * as asking from "./words/asking";
import * as general from "./words/general";
import * as models from "./words/models";
import * as problems from "./words/problems";
import * as records from "./words/records";
import * as wire from "./words/wire";

const ENGLISH = { ...answers.ENGLISH, ...asking.ENGLISH, ...general.ENGLISH, ...models.ENGLISH, ...problems.ENGLISH, ...records.ENGLISH, ...wire.ENGLISH };

export type Words = typeof ENGLISH;

const CHINESE: Words = { ...answers.CHINESE, ...asking.CHINESE, ...general.CHINESE, ...models.CHINESE, ...problems.CHINESE, ...records.CHINESE, ...wire.CHINESE };

export type Language = "en" | "zh";

const WORDS: Record<Language, Words> = { en: ENGLISH, zh: CHINESE };
const KEPT = "headrace.language";
const listeners = new Set<() => void>();
let language: Language = chosen();

function chosen(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "zh") return kept;
  const known = navigator.languages.map((each) => each.slice(0, 2)).find((each) => each === "zh" || each === "en");
  return known === "zh" ? "zh" : "en";
}

export function setLanguage(next: Language): void {
  language = next;
  localStorage.setItem(KEPT, next);
  document.documentElement.lang = next;
  for (const listener of listeners) listener();
}

export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => language,
  );
}

export function useWords(): Words {
  return WORDS[useLanguage()];
}

document.documentElement.lang = language;

/** A text of the page's with its `{names}` replaced. */
export function filling(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function seconds(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
