/** A conversation as it is kept: what was asked and answered in each pane, under a name. Values and what follows from them. */

import type { Parameters } from "../parameters";
import { isRunning, newId, type Pane, type Turn } from "../state";

/** What a tab works on. */
export interface Talk {
  panes: readonly Pane[];
  parameters: Parameters;
  /** How the models of its panes and turns are called, by configuration: they may be gone one day. */
  models: Readonly<Record<string, string>>;
}

/** What a list shows. */
export interface Summary {
  id: string;
  /** Empty: its first question says it. */
  title: string;
  question: string;
  pinned: boolean;
  /** When it was last asked something: milliseconds since 1970. */
  asked: number;
  /** How many times it has been written: another tab has written where it is not what one knows. */
  revision: number;
  models: readonly string[];
}

export interface Conversation extends Talk {
  id: string;
  title: string;
  pinned: boolean;
}

const LONGEST_TITLE = 200; // characters
const LONGEST_QUESTION = 120; // characters: more than a line of the list

export function summaryOf({ id, title, pinned, panes, models }: Conversation, revision: number): Summary {
  const turns = panes.flatMap((pane) => pane.turns);
  const first = turns.toSorted((a, b) => a.asked - b.asked).find(({ prompt }) => prompt.trim());
  const asked = Math.max(0, ...turns.map((turn) => turn.asked));
  const names = [...new Set(panes.map(({ configId }) => models[configId] ?? configId))];
  return { id, title: titleIn(title), question: oneLine(first?.prompt ?? "").slice(0, LONGEST_QUESTION), pinned, asked, revision, models: names };
}

export function titleIn(text: string): string {
  return oneLine(text).slice(0, LONGEST_TITLE);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** A conversation of its own with the same content. What runs in the other goes on there alone. */
export function duplicateOf({ panes, ...rest }: Conversation, title: string): Conversation {
  const copied = panes.map((pane) => ({ ...pane, id: newId(), turns: pane.turns.map((turn) => ({ ...ended(turn), id: newId() })) }));
  return { ...rest, id: newId(), title: titleIn(title), pinned: false, panes: copied };
}

function ended(turn: Turn): Turn {
  return isRunning(turn) ? { ...turn, phase: "closed", answer: { ...turn.answer, thinking: false } } : turn;
}

export function hasTurns({ panes }: Pick<Talk, "panes">): boolean {
  return panes.some(({ turns }) => turns.length > 0);
}

/** Whether `ours` has every question that `theirs` has: then it may take its place. */
export function holds(ours: Pick<Talk, "panes">, theirs: Pick<Talk, "panes">): boolean {
  const keys = new Set(ours.panes.flatMap(({ turns }) => turns.map(({ key }) => key)));
  return theirs.panes.every(({ turns }) => turns.every(({ key }) => keys.has(key)));
}

/** What is asked of models at each step: panes that were asked the same stand together. */
export interface Step {
  question: Turn;
  answers: readonly { pane: number; turn: Turn }[];
}

export function stepsOf({ panes }: Pick<Talk, "panes">): Step[] {
  const longest = Math.max(0, ...panes.map(({ turns }) => turns.length));
  return Array.from({ length: longest }, (_, at) => stepsAt(panes, at)).flat();
}

function stepsAt(panes: readonly Pane[], at: number): Step[] {
  const steps = new Map<string, { question: Turn; answers: { pane: number; turn: Turn }[] }>();
  panes.forEach(({ turns }, pane) => {
    const turn = turns[at];
    if (!turn) return;
    const asked = JSON.stringify([turn.prompt, turn.files.map(({ id }) => id)]);
    const step = steps.get(asked) ?? { question: turn, answers: [] };
    step.answers.push({ pane, turn });
    steps.set(asked, step);
  });
  return [...steps.values()];
}
