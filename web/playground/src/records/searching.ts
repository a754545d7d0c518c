/** Finding words in what was asked and answered. */

import type { Pane } from "../state";

const AROUND = 40; // characters on either side of what was found
const MOST_WORDS = 10;

type Matcher = (title: string, panes: readonly Pane[]) => string | undefined;

/** Every word anywhere in it, in any case; what stands around the first of them comes back. */
export function matcherOf(text: string): Matcher {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean).slice(0, MOST_WORDS);
  return (title, panes) => {
    const texts = [title, ...panes.flatMap(({ turns }) => turns.flatMap(({ prompt, answer }) => [prompt, answer.content]))];
    const lower = texts.map((each) => each.toLowerCase());
    if (!words.every((word) => lower.some((each) => each.includes(word)))) return undefined;
    const at = lower.findIndex((each) => each.includes(words[0] ?? ""));
    return around(texts[at] ?? "", lower[at]?.indexOf(words[0] ?? "") ?? 0);
  };
}

function around(text: string, at: number): string {
  const from = Math.max(0, at - AROUND);
  const cut = text.slice(from, at + 2 * AROUND).replace(/\s+/g, " ");
  return `${from ? "…" : ""}${cut}${at + 2 * AROUND < text.length ? "…" : ""}`;
}
