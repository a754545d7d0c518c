/** What the page shows, as values; and what of it outlives a reload. Conversations belong to the tab, choices to the browser. */

import { NO_ANSWER, randomKey, type Answer, type ChatRequest, type Phase } from "@headrace/client";

import { contentOf, type Attachment, type Refusal } from "./attachments";
import type { FoundModel, ModelConfig, Provider } from "./api";
import { NO_PARAMETERS, sentOf, type Parameters } from "./parameters";

export interface Problem {
  code: string;
  message: string;
  /** Seconds after which it is worth trying again. */
  retryAfter?: number | undefined;
}

export interface Turn {
  id: string;
  prompt: string;
  files: readonly Attachment[];
  /** It goes on with the answer before it, which ended at its greatest length. */
  continues?: boolean | undefined;
  answer: Answer;
  phase: Phase;
  asked: number;
  /** What it was asked with: sending it again under this key is the same stream. */
  key: string;
  configId: string;
  parameters: Parameters;
  /** How much had come when: milliseconds since it was asked, characters. */
  samples?: readonly Sample[] | undefined;
  /** The model that answered, where another pane's answer was taken over. */
  takenFrom?: string | undefined;
  better?: boolean | undefined;
  streamId?: string | undefined;
  thinkingSince?: number | undefined;
  thinkingMs?: number | undefined;
  problem?: Problem | undefined;
}

export type Sample = readonly [number, number];

export interface Pane {
  id: string;
  configId: string;
  /** Its own, where it is not linked to those of all. */
  parameters?: Parameters | undefined;
  turns: readonly Turn[];
}

/** What runs on while the page shows another conversation. */
export interface Aside {
  id: string;
  panes: readonly Pane[];
  parameters: Parameters;
}

export interface State {
  project: string;
  /** The id of the one that the page shows. */
  conversation: string;
  aside: readonly Aside[];
  models: readonly ModelConfig[] | undefined;
  providers: readonly Provider[];
  found: readonly FoundModel[];
  problem: Problem | undefined;
  panes: readonly Pane[];
  parameters: Parameters;
  /** What new conversations start with, where a link or an opened conversation has brought parameters of its own. */
  usual: Parameters | undefined;
  draft: string;
  attached: readonly Attachment[];
  refused: { file: string; why: Refusal } | undefined;
  /** The panes as they were before something was put aside. */
  undo: { conversation: string; panes: readonly Pane[] } | undefined;
  /** A preset or a link has filled the page; the models of it that are not here. */
  filled: { byLink: boolean; missing: readonly string[] } | undefined;
  blind: boolean;
  /** Enter sends and Shift+Enter breaks the line; or the other way round. */
  enterSends: boolean;
  /** Demonstration models are not offered beside others. */
  demosHidden: boolean;
}

export const MOST_PANES = 4;
const CHOICES = "headrace.choices";
const TALK = "headrace.talk";
const OWNER = "headrace.owner";
const FILES = "headrace.files";
const MOST_FILES = 2_500_000; // characters, beside the talk's
const MOST_KEPT = 2_000_000; // characters: below what a tab's storage holds, with room for the rest

export function newId(): string {
  return crypto.getRandomValues(new Uint32Array(2)).join("-");
}

export function newPane(configId: string): Pane {
  return { id: newId(), configId, turns: [] };
}

export function newTurn(prompt: string, files: readonly Attachment[] = []): Turn {
  const asked = { key: randomKey(), configId: "", parameters: NO_PARAMETERS };
  return { id: newId(), prompt, files, answer: NO_ANSWER, phase: "connecting", asked: Date.now(), ...asked };
}

/** The same talk in another place, its streams left where they are; a vote was for the one answer. */
export function copied(turns: readonly Turn[]): readonly Turn[] {
  return turns.map((turn) => ({ ...turn, id: newId(), better: undefined }));
}

/** Until the last question has had its vote, nothing tells which model answers where. */
export function namesHidden({ blind, panes }: Pick<State, "blind" | "panes">): boolean {
  return blind && panes.length > 1 && !panes.some(({ turns }) => turns.at(-1)?.better);
}

export function isRunning({ phase }: Turn): boolean {
  return phase !== "closed";
}

export function anyRunning(state: State): boolean {
  return state.panes.some((pane) => pane.turns.some(isRunning));
}

export function parametersOf(state: Pick<State, "parameters">, pane: Pane): Parameters {
  return pane.parameters ?? state.parameters;
}

/** These panes with one turn changed; the same ones where none of them has it. */
export function withTurn(panes: readonly Pane[], turnId: string, change: (turn: Turn) => Partial<Turn>): readonly Pane[] {
  const at = panes.findIndex(({ turns }) => turns.some(({ id }) => id === turnId));
  const pane = panes[at];
  if (!pane) return panes;
  return panes.with(at, { ...pane, turns: pane.turns.map((turn) => (turn.id === turnId ? { ...turn, ...change(turn) } : turn)) });
}

/** The request of a talk's last turn, with what it was asked with: the history before it is the pane's own. */
export function requestOf(turns: readonly Turn[]): ChatRequest {
  const last = turns.at(-1) as Turn;
  const { system } = last.parameters;
  const messages: ChatRequest["messages"][number][] = system.trim() ? [{ role: "system", content: system }] : [];
  for (const turn of turns) {
    messages.push({ role: "user", content: contentOf(turn.prompt, turn.files) });
    if (turn !== last && turn.answer.content) messages.push({ role: "assistant", content: turn.answer.content });
  }
  return { messages, model: { configId: last.configId }, ...sentOf(last.parameters) };
}

/** Only what can be read back is kept; what cannot be written is not worth an error. */
export function keep(state: State): void {
  const { panes, parameters, draft, attached, blind, enterSends, demosHidden, conversation } = state;
  write(localStorage, CHOICES, { parameters: state.usual ?? parameters, blind, enterSends, demosHidden, configIds: panes.map(({ configId }) => configId) });
  const files = [...attached, ...panes.flatMap(({ turns }) => turns.flatMap((turn) => turn.files))];
  keepFiles(files);
  const bare = panes.map((pane) => ({ ...pane, turns: pane.turns.map((turn) => ({ ...turn, files: turn.files.map(withoutData) })) }));
  write(sessionStorage, TALK, { conversation, ...(state.usual ? { parameters } : {}), aside: state.aside.map(({ id }) => id), draft, attached: attached.map(withoutData), panes: withinBounds(bare) });
}

type Kept = Pick<State, "panes" | "parameters" | "usual" | "draft" | "attached" | "blind" | "enterSends" | "demosHidden" | "conversation">;

export function kept(): Kept {
  const choices = read<{ parameters?: Parameters; configIds?: string[]; blind?: boolean; enterSends?: boolean; demosHidden?: boolean }>(localStorage, CHOICES);
  const talk = read<{ conversation?: string; parameters?: Parameters; draft?: string; panes?: Pane[]; attached?: Attachment[] }>(sessionStorage, TALK);
  const data = read<Record<string, string>>(sessionStorage, FILES);
  const whole = (files: readonly Attachment[] = []): Attachment[] => files.map((file) => ({ ...file, data: data[file.id] ?? "" }));
  const panes = talk.panes?.map((pane) => ({ ...pane, turns: pane.turns.map((turn) => ({ ...newTurn(turn.prompt), ...turn, files: whole(turn.files) })) }));
  return {
    panes: panes ?? (choices.configIds ?? []).map(newPane),
    parameters: { ...NO_PARAMETERS, ...(talk.parameters ?? choices.parameters) },
    usual: talk.parameters && { ...NO_PARAMETERS, ...choices.parameters },
    draft: talk.draft ?? "",
    attached: whole(talk.attached).filter((file) => file.data),
    blind: choices.blind ?? false,
    enterSends: choices.enterSends ?? true,
    demosHidden: choices.demosHidden ?? false,
    conversation: talk.conversation ?? newId(),
  };
}

/** Whether what this tab has kept is this person's; from now on it is. */
export function isOwn(owner: string): boolean {
  const before = sessionStorage.getItem(OWNER);
  sessionStorage.setItem(OWNER, owner);
  return before === null || before === owner;
}

/** The conversations that ran beside the one that was shown when the page was left. */
export function asideKept(): readonly string[] {
  return read<{ aside?: string[] }>(sessionStorage, TALK).aside ?? [];
}

function withoutData(file: Attachment): Attachment {
  return { ...file, data: "" };
}

let filesKept: string | undefined;

/** Each once, whichever panes have it; the newest, as far as there is room. Written only when there are others. */
function keepFiles(files: readonly Attachment[]): void {
  const data: Record<string, string> = {};
  let size = 0;
  for (const file of files.toReversed()) {
    if (file.id in data || size + file.data.length > MOST_FILES) continue;
    size += file.data.length;
    data[file.id] = file.data;
  }
  const names = Object.keys(data).join();
  if (names !== filesKept) write(sessionStorage, FILES, data);
  filesKept = names;
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
