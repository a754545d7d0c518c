/** The page's one store: what people do to it, and the streams that change it. */

import { Headrace, HeadraceError, NO_ANSWER, framewise, gather, type Answer, type ChatStream, type StreamEvent } from "@headrace/client";
import { useSyncExternalStore } from "react";

import { addModel, chosenProject, findModels, listModels, listProviders, removeModel, type FoundModel, type NewModel } from "./api";
import {
  MOST_PANES, isRunning, keep, kept, newPane, newTurn, requestOf,
  type Pane, type Parameters, type Problem, type State, type Turn,
} from "./state";

const KEEP_AFTER_MS = 300;

export class Store {
  #state: State = { project: "default", models: undefined, providers: [], found: [], problem: undefined, ...kept() };
  #listeners = new Set<() => void>();
  #streams = new Map<string, ChatStream>();
  #keeping: ReturnType<typeof setTimeout> | undefined;

  get state(): State {
    return this.#state;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Lists the models, and joins what was under way when the page was left. */
  async open(): Promise<void> {
    addEventListener("pagehide", () => keep(this.#state));
    try {
      const project = await chosenProject();
      this.#set({ project, models: await listModels(project), problem: undefined });
    } catch (error) {
      this.#set({ problem: problemOf(error) });
      return;
    }
    this.#fit();
    for (const pane of this.#state.panes) {
      for (const turn of pane.turns.filter(isRunning)) {
        if (turn.streamId) void this.#follow(turn.id, this.#client().join(turn.streamId, this.#told(turn.id)));
        else this.#change(turn.id, () => ({ phase: "closed", problem: { code: "not_started", message: "" } }));
      }
    }
  }

  /** What there is to choose from besides the stored models. The page works without it. */
  async look(): Promise<void> {
    const providers = await listProviders().catch(() => []);
    this.#set({ providers });
    const stored = new Set(this.#state.models?.map(({ providerId, modelId }) => `${providerId} ${modelId}`));
    const found = await findModels(providers);
    this.#set({ found: found.filter(({ provider, modelId }) => !stored.has(`${provider.providerId} ${modelId}`)) });
  }

  /** Store a model that was found, and let this pane have it. */
  async adopt(found: FoundModel, paneId: string): Promise<void> {
    const { provider, modelId } = found;
    this.#set({ found: this.#state.found.filter((each) => each !== found) });
    await this.addModel({ providerId: provider.providerId, name: modelId, modelId, endpoint: "", apiKey: "" }, paneId);
  }

  ask(prompt: string): void {
    if (!prompt.trim()) return;
    this.#set({ draft: "" });
    for (const pane of this.#state.panes) {
      if (!pane.turns.some(isRunning)) this.#start(pane, newTurn(prompt), pane.turns);
    }
  }

  /** Ask the last question of this pane again, with another text if one is given. */
  retry(paneId: string, prompt?: string): void {
    const pane = this.#pane(paneId);
    const last = pane?.turns.at(-1);
    if (pane && last && !isRunning(last)) this.#start(pane, newTurn(prompt ?? last.prompt), pane.turns.slice(0, -1));
  }

  /** The last question in other words, in every pane that was asked it. */
  edit(before: string, prompt: string): void {
    if (!prompt.trim()) return;
    for (const { id, turns } of this.#state.panes) if (turns.at(-1)?.prompt === before) this.retry(id, prompt);
  }

  stop(paneId?: string): void {
    const panes = this.#state.panes.filter(({ id }) => !paneId || id === paneId);
    for (const turn of panes.flatMap((pane) => pane.turns.filter(isRunning))) {
      this.#streams.get(turn.id)?.stop().catch((error: unknown) => this.#change(turn.id, () => ({ problem: problemOf(error) })));
    }
  }

  addPane(): void {
    const { panes, models } = this.#state;
    const used = new Set(panes.map(({ configId }) => configId));
    const next = models?.find(({ configId }) => !used.has(configId)) ?? models?.[0];
    if (next && panes.length < MOST_PANES) this.#set({ panes: [...panes, newPane(next.configId)] });
  }

  removePane(id: string): void {
    this.stop(id);
    if (this.#state.panes.length > 1) this.#set({ panes: this.#state.panes.filter((pane) => pane.id !== id) });
  }

  choose(paneId: string, configId: string): void {
    this.#changePane(paneId, (pane) => ({ ...pane, configId }));
  }

  clear(): void {
    this.stop();
    this.#set({ panes: this.#state.panes.map(({ configId }) => newPane(configId)) });
  }

  setParameters(parameters: Parameters): void {
    this.#set({ parameters });
  }

  setDraft(draft: string): void {
    this.#set({ draft });
  }

  async addModel(model: NewModel, paneId?: string): Promise<void> {
    const added = await addModel(this.#state.project, model);
    this.#set({ models: [...(this.#state.models ?? []), added] });
    if (paneId) this.choose(paneId, added.configId);
  }

  async removeModel(configId: string): Promise<void> {
    await removeModel(this.#state.project, configId);
    this.#set({ models: this.#state.models?.filter((model) => model.configId !== configId) });
    this.#fit();
  }

  #client(): Headrace {
    return new Headrace({ project: this.#state.project });
  }

  /** Panes of models that are there; one at least. */
  #fit(): void {
    const known = this.#state.models ?? [];
    const fits = ({ configId, turns }: Pane): boolean => turns.length > 0 || known.some((each) => each.configId === configId);
    const panes = this.#state.panes.filter(fits).slice(0, MOST_PANES);
    this.#set({ panes: panes.length || !known[0] ? panes : known.slice(0, 2).map(({ configId }) => newPane(configId)) });
  }

  #start(pane: Pane, turn: Turn, before: readonly Turn[]): void {
    const asked = { ...pane, turns: [...before, turn] };
    this.#changePane(pane.id, () => asked);
    void this.#follow(turn.id, this.#client().chat(requestOf(asked, this.#state.parameters), this.#told(turn.id)));
  }

  #told(turnId: string): { onPhase: (phase: Turn["phase"]) => void } {
    return { onPhase: (phase) => phase !== "closed" && this.#change(turnId, () => ({ phase })) };
  }

  async #follow(turnId: string, stream: ChatStream): Promise<void> {
    this.#streams.set(turnId, stream);
    let answer: Answer = NO_ANSWER; // a stream that is joined brings everything again
    const painter = framewise((events: StreamEvent[]) => {
      answer = gather(answer, events);
      this.#change(turnId, (turn) => ({ ...thinkingOf(turn, answer), answer, streamId: stream.id, problem: undefined }));
    });
    let problem: Problem | undefined;
    try {
      for await (const events of stream.batches()) painter.add(events);
    } catch (error) {
      problem = problemOf(error);
    }
    painter.flush();
    this.#streams.delete(turnId);
    this.#change(turnId, (turn) => ({ phase: "closed", problem, answer: { ...turn.answer, thinking: false } }));
  }

  #pane(id: string): Pane | undefined {
    return this.#state.panes.find((pane) => pane.id === id);
  }

  #changePane(id: string, change: (pane: Pane) => Pane): void {
    this.#set({ panes: this.#state.panes.map((pane) => (pane.id === id ? change(pane) : pane)) });
  }

  #change(turnId: string, change: (turn: Turn) => Partial<Turn>): void {
    const panes = this.#state.panes.map((pane) => {
      if (!pane.turns.some(({ id }) => id === turnId)) return pane;
      return { ...pane, turns: pane.turns.map((turn) => (turn.id === turnId ? { ...turn, ...change(turn) } : turn)) };
    });
    this.#set({ panes });
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    this.#keeping ??= setTimeout(() => {
      this.#keeping = undefined;
      keep(this.#state);
    }, KEEP_AFTER_MS);
    for (const listener of this.#listeners) listener();
  }
}

/** When thinking began and how long it took, by this page's clock; a replay after a reload changes neither. */
function thinkingOf(turn: Turn, answer: Answer): Partial<Turn> {
  const thought = answer.reasoning !== "" || answer.thinking;
  if (!thought || turn.thinkingMs !== undefined) return {};
  const since = turn.thinkingSince ?? Date.now();
  return answer.thinking ? { thinkingSince: since } : { thinkingSince: since, thinkingMs: Date.now() - since };
}

function problemOf(error: unknown): Problem {
  if (error instanceof HeadraceError) return { code: error.code, message: error.message };
  return { code: "unreachable", message: error instanceof Error ? error.message : String(error) };
}

export const store = new Store();

export function useStore<T>(select: (state: State) => T): T {
  return useSyncExternalStore(store.subscribe, () => select(store.state));
}
