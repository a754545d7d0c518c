/** What the page shows, as values; and what of it outlives a reload. Conversations belong to the tab, choices to the browser. */

import { NO_ANSWER, type Answer, type ChatRequest, type Phase } from "@headrace/client";

import type { FoundModel, ModelConfig, Provider } from "./api";

export interface Problem {
  code: string;
  message: string;
}

export interface Turn {
  id: string;
  prompt: string;
  answer: Answer;
  phase: Phase;
  asked: number;
  streamId?: string | undefined;
  thinkingSince?: number | undefined;
  thinkingMs?: number | undefined;
  problem?: Problem | undefined;
}

export interface Pane {
  id: string;
  configId: string;
  turns: readonly Turn[];
}

/** null: the model's own default, nothing is sent. */
export interface Parameters {
  system: string;
  temperature: number | null;
  maxTokens: number | null;
}

export interface State {
  project: string;
  models: readonly ModelConfig[] | undefined;
  providers: readonly Provider[];
  found: readonly FoundModel[];
  problem: Problem | undefined;
  panes: readonly Pane[];
  parameters: Parameters;
  draft: string;
}

export const MOST_PANES = 4;
const CHOICES = "headrace.choices";
const TALK = "headrace.talk";
const MOST_KEPT = 2_000_000; // characters: below what a tab's storage holds, with room for the rest

export const NO_PARAMETERS: Parameters = { system: "", temperature: null, maxTokens: null };

export function newId(): string {
  return crypto.getRandomValues(new Uint32Array(2)).join("-");
}

export function newPane(configId: string): Pane {
  return { id: newId(), configId, turns: [] };
}

export function newTurn(prompt: string): Turn {
  return { id: newId(), prompt, answer: NO_ANSWER, phase: "connecting", asked: Date.now() };
}

export function isRunning({ phase }: Turn): boolean {
  return phase !== "closed";
}

export function anyRunning(state: State): boolean {
  return state.panes.some((pane) => pane.turns.some(isRunning));
}

/** The request of a pane's last turn: the pane's own history before it. */
export function requestOf(pane: Pane, { system, temperature, maxTokens }: Parameters): ChatRequest {
  const messages: ChatRequest["messages"][number][] = system.trim() ? [{ role: "system", content: system }] : [];
  for (const turn of pane.turns) {
    messages.push({ role: "user", content: turn.prompt });
    if (turn !== pane.turns.at(-1) && turn.answer.content) messages.push({ role: "assistant", content: turn.answer.content });
  }
  return { messages, model: { configId: pane.configId }, temperature, maxTokens };
}

/** Only what can be read back is kept; what cannot be written is not worth an error. */
export function keep(state: State): void {
  const { panes, parameters, draft } = state;
  write(localStorage, CHOICES, { parameters, configIds: panes.map(({ configId }) => configId) });
  write(sessionStorage, TALK, { draft, panes: withinBounds(panes) });
}

export function kept(): Pick<State, "panes" | "parameters" | "draft"> {
  const choices = read<{ parameters?: Parameters; configIds?: string[] }>(localStorage, CHOICES);
  const talk = read<{ draft?: string; panes?: Pane[] }>(sessionStorage, TALK);
  return {
    panes: talk.panes ?? (choices.configIds ?? []).map(newPane),
    parameters: { ...NO_PARAMETERS, ...choices.parameters },
    draft: talk.draft ?? "",
  };
}

function withinBounds(panes: readonly Pane[]): readonly Pane[] {
  let kept = panes;
  while (JSON.stringify(kept).length > MOST_KEPT && kept.some(({ turns }) => turns.length > 1)) {
    kept = kept.map((pane) => ({ ...pane, turns: pane.turns.slice(pane.turns.length > 1 ? 1 : 0) }));
  }
  return kept;
}

function write(storage: Storage, name: string, value: unknown): void {
  try {
    storage.setItem(name, JSON.stringify(value));
  } catch {
    storage.removeItem(name);
  }
}

function read<T extends object>(storage: Storage, name: string): Partial<T> {
  try {
    return (JSON.parse(storage.getItem(name) ?? "{}") as Partial<T>) ?? {};
  } catch {
    return {};
  }
}
