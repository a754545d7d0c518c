/** The colours of charts: those of the page for what is single, and a few that can be told apart for what is many. */

import type { Theme } from "../theme";

export interface Palette {
  text: string;
  line: string;
  accent: string;
  /** Fills of the wide and of the narrow band. */
  wide: string;
  narrow: string;
  many: readonly string[];
  /** All others together. */
  rest: string;
}

const LIGHT: Palette = {
  text: "#586c71",
  line: "#e3ebec",
  accent: "#0d6e7a",
  wide: "#0d6e7a2e",
  narrow: "#0d6e7a66",
  many: ["#0d6e7a", "#c9761c", "#6a5acd", "#3f8f4f", "#b34a86", "#3b7dd8", "#a0522d", "#8f8a1f"],
  rest: "#8a9a9d",
};
const DARK: Palette = {
  text: "#93a9ad",
  line: "#223236",
  accent: "#53bdca",
  wide: "#53bdca2e",
  narrow: "#53bdca66",
  many: ["#53bdca", "#eaa65f", "#a79bf2", "#74c786", "#e88fbe", "#7fb2ff", "#d98a6a", "#cdc75a"],
  rest: "#7d9094",
};
const GOOD: Record<Theme, Readonly<Record<string, string>>> = {
  light: { stop: "#0d6e7a", length: "#c9a21c", tool_calls: "#6a5acd", cancelled: "#9aa9ac", content_filter: "#7d5a3c" },
  dark: { stop: "#53bdca", length: "#d9bd55", tool_calls: "#a79bf2", cancelled: "#71858a", content_filter: "#b89272" },
};
const BAD: Record<Theme, readonly string[]> = {
  light: ["#c0392b", "#e07a5f", "#8e2a4f", "#d9534f", "#a85a32", "#6d2020"],
  dark: ["#ff8a7a", "#e0654f", "#f29ac0", "#ffb4a2", "#d98a5f", "#c05a5a"],
};

export function paletteOf(theme: Theme): Palette {
  return theme === "dark" ? DARK : LIGHT;
}

/** One for each of these: the same in every chart for the first of `ranked`, and for the others one that is free. */
export function coloursOf(names: readonly string[], ranked: readonly string[], { many, rest }: Palette): string[] {
  const own = names.map((name) => many[ranked.includes(name) ? ranked.indexOf(name) : many.length]);
  const free = many.filter((colour) => !own.includes(colour));
  return own.map((colour, at) => colour ?? (ranked.includes(names[at] ?? "") ? free.shift() : undefined) ?? rest);
}

/** One for each outcome: what ended well calm, each kind of failure a red of its own. */
export function outcomeColours(names: readonly string[], theme: Theme): string[] {
  const bad = names.filter((name) => !(name in GOOD[theme]));
  return names.map((name) => GOOD[theme][name] ?? BAD[theme][bad.indexOf(name) % BAD[theme].length] ?? BAD[theme][0] ?? "");
}
