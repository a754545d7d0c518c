/** The page's one store: what people do to it, and the streams that change it. */

import { useSyncExternalStore } from "react";

import { chosenProject, listModels, whoami } from "./api";
import { Attaching } from "./attaching";
import { Catalogue } from "./catalogue";
import { offered } from "./choosing";
import { Conversations, emptied } from "./conversations";
import { NO_PARAMETERS, type Parameters } from "./parameters";
import { Prefilling } from "./prefilling";
import { records } from "./records/records";
import {
  MOST_PANES, copied, isOwn, isRunning, keep, kept, newId, newPane, newTurn, parametersOf, withTurn,
  type Pane, type State, type Turn,
} from "./state";
import { Streams, problemOf, type TurnChange } from "./streams";

const KEEP_AFTER_MS = 300;
const GO_ON = "Continue exactly where you stopped. Repeat nothing.";

export class Store {
  #state: State = { project: "default", models: undefined, providers: [], found: [], problem: undefined, refused: undefined, undo: undefined, filled: undefined, aside: [], ...kept() };
  #listeners = new Set<() => void>();
  readonly #streams = new Streams(() => this.#state.project, (turnId, change) => this.#change(turnId, change));
  readonly models = new Catalogue({ state: () => this.#state, set: (change) => this.#set(change), choose: (...chosen) => this.choose(...chosen) });
  readonly files = new Attaching({ state: () => this.#state, set: (change) => this.#set(change) });
  readonly prefilling = new Prefilling({ state: () => this.#state, set: (change) => this.#set(change), begin: (panes) => this.begin(panes) });
  readonly conversations = new Conversations({
    state: () => this.#state,
    set: (change) => this.#set(change),
    again: (pane, turn) => this.#streams.again(pane, turn),
    stop: (turns) => this.#streams.stop(turns),
    leave: (turns) => this.#streams.leave(turns),
  });
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
    let owner = "";
    addEventListener("pagehide", () => {
      keep(this.#state);
      void records.flush();
    });
    try {
      const project = await chosenProject();
      const [models, name] = await Promise.all([listModels(project), whoami()]);
      owner = name;
      this.#set({ project, models, problem: undefined, ...(isOwn(owner) ? {} : this.#nothingOf()) });
    } catch (error) {
      this.#set({ problem: problemOf(error) });
      return;
    }
    this.models.fit();
    for (const pane of this.#state.panes) for (const turn of pane.turns.filter(isRunning)) this.#streams.again(pane, turn);
    await records.open(owner);
    await this.conversations.resume();
    this.prefilling.fromLink();
    addEventListener("hashchange", () => this.prefilling.fromLink());
  }

  /** What somebody else has left in this tab is not shown to who signs in after them. */
  #nothingOf(): Partial<State> {
    return { conversation: newId(), panes: emptied(this.#state.panes), draft: "", attached: [], parameters: NO_PARAMETERS, usual: undefined };
  }

  ask(prompt: string): void {
    const { attached } = this.#state;
    if (!prompt.trim() && !attached.length) return;
    this.#set({ draft: "", attached: [], refused: undefined, undo: undefined, filled: undefined });
    for (const pane of this.#state.panes) {
      if (!pane.turns.some(isRunning)) this.#start(pane, newTurn(prompt, attached), pane.turns);
    }
  }

  /** Ask the last question of this pane again, with another text if one is given. */
  retry(paneId: string, prompt?: string): void {
    const pane = this.#pane(paneId);
    const last = pane?.turns.at(-1);
    if (!pane || !last || isRunning(last)) return;
    const turn = { ...newTurn(prompt ?? last.prompt, last.files), continues: last.continues };
    this.#start(pane, turn, pane.turns.slice(0, -1));
  }

  /** The last question in other words, in every pane that was asked it. */
  edit(before: string, prompt: string): void {
    if (!prompt.trim()) return;
    for (const { id, turns } of this.#state.panes) if (turns.at(-1)?.prompt === before) this.retry(id, prompt);
  }

  /** Go on with an answer that ended at its greatest length. */
  goOn(paneId: string): void {
    const pane = this.#pane(paneId);
    if (pane && !pane.turns.some(isRunning)) this.#start(pane, { ...newTurn(GO_ON), continues: true }, pane.turns);
  }

  /** The other panes take this pane's talk in place of their own: what is asked next goes on from this answer. */
  continueWith(paneId: string): void {
    const chosen = this.#pane(paneId);
    if (!chosen || chosen.turns.some(isRunning)) return;
    this.stop();
    const from = this.models.nameOf(chosen.turns.at(-1)?.configId ?? chosen.configId);
    const taken = (): readonly Turn[] => copied(chosen.turns).map((turn, at, { length }) => (at === length - 1 ? { ...turn, takenFrom: turn.takenFrom ?? from } : turn));
    this.#replace(this.#state.panes.map((pane) => (pane === chosen ? pane : { ...pane, turns: taken() })));
  }

  /** Another pane with the talk up to this turn. */
  branch(paneId: string, turnId: string): void {
    const pane = this.#pane(paneId);
    const { panes } = this.#state;
    if (!pane || panes.length >= MOST_PANES) return;
    const turns = pane.turns.slice(0, pane.turns.findIndex(({ id }) => id === turnId) + 1);
    const at = panes.indexOf(pane) + 1;
    this.#set({ panes: panes.toSpliced(at, 0, { ...pane, id: newId(), turns: copied(turns) }) });
  }

  /** Which answer to this question was better; said again, it is taken back. */
  vote(paneId: string, turnId: string): void {
    const turns = this.#pane(paneId)?.turns ?? [];
    const place = turns.findIndex(({ id }) => id === turnId);
    const asked = turns[place];
    if (!asked) return;
    const better = !asked.better;
    const rated = (turn: Turn, at: number): Turn => (at === place && turn.prompt === asked.prompt ? { ...turn, better: better && turn.id === turnId } : turn);
    const panes = this.#state.panes.map((pane) => ({ ...pane, turns: pane.turns.map(rated) }));
    this.#set({ panes });
  }

  setBlind(blind: boolean): void {
    this.#set({ blind });
  }

  setEnterSends(enterSends: boolean): void {
    this.#set({ enterSends });
  }

  setDemosHidden(demosHidden: boolean): void {
    this.#set({ demosHidden });
  }

  undo(): void {
    if (this.#state.undo) this.#set({ ...this.#state.undo, undo: undefined });
  }

  forgetUndo(): void {
    this.#set({ undo: undefined });
  }

  stop(paneId?: string): void {
    this.#streams.stop(this.#state.panes.filter(({ id }) => !paneId || id === paneId).flatMap(({ turns }) => turns));
  }

  addPane(): void {
    const { panes } = this.#state;
    const models = offered(this.#state);
    const used = new Set(panes.map(({ configId }) => configId));
    const next = models.find(({ configId }) => !used.has(configId)) ?? models[0];
    if (next && panes.length < MOST_PANES) this.#set({ panes: [...panes, newPane(next.configId)] });
  }

  removePane(id: string): void {
    if (this.#state.panes.length < 2) return;
    this.stop(id);
    this.#replace(this.#state.panes.filter((pane) => pane.id !== id));
  }

  choose(paneId: string, configId: string): void {
    this.#changePane(paneId, (pane) => ({ ...pane, configId }));
  }

  /** A new conversation. The one before stays in the list; where there is none, it can be taken back. */
  begin(panes = emptied(this.#state.panes)): void {
    if (this.conversations.kept) return this.conversations.begin(panes);
    this.stop();
    this.#replace(panes, newId());
  }

  /** What is replaced can be taken back, unless it still ran. */
  #replace(panes: readonly Pane[], conversation = this.#state.conversation): void {
    const { panes: before, conversation: shown } = this.#state;
    const undo = before.some(({ turns }) => turns.some(isRunning)) ? undefined : { panes: before, conversation: shown };
    this.#set({ conversation, panes, undo });
  }

  /** Those of all panes, or of one that has its own. */
  setParameters(parameters: Parameters, paneId?: string): void {
    if (paneId) this.#changePane(paneId, (pane) => ({ ...pane, parameters }));
    else this.#set({ parameters });
  }

  /** Give a pane parameters of its own, or those of all again. */
  setLinked(paneId: string, linked: boolean): void {
    this.#changePane(paneId, (pane) => ({ ...pane, parameters: linked ? undefined : parametersOf(this.#state, pane) }));
  }

  setDraft(draft: string): void {
    this.#set({ draft });
  }

  #start(pane: Pane, turn: Turn, before: readonly Turn[]): void {
    const asked = { ...turn, configId: pane.configId, parameters: parametersOf(this.#state, pane) };
    const turns = [...before, asked];
    this.#changePane(pane.id, () => ({ ...pane, turns }));
    keep(this.#state); // before it is sent: a page that dies now finds it again
    this.#streams.start(turns);
  }

  #pane(id: string): Pane | undefined {
    return this.#state.panes.find((pane) => pane.id === id);
  }

  #changePane(id: string, change: (pane: Pane) => Pane): void {
    this.#set({ panes: this.#state.panes.map((pane) => (pane.id === id ? change(pane) : pane)) });
  }

  #change(turnId: string, change: TurnChange): void {
    const panes = withTurn(this.#state.panes, turnId, change);
    if (panes === this.#state.panes) this.conversations.change(turnId, change);
    else this.#set({ panes });
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    this.#keeping ??= setTimeout(() => {
      this.#keeping = undefined;
      keep(this.#state);
      this.conversations.note();
      this.conversations.balance();
    }, KEEP_AFTER_MS);
    for (const listener of this.#listeners) listener();
  }
}

export const store = new Store();

export function useStore<T>(select: (state: State) => T): T {
  return useSyncExternalStore(store.subscribe, () => select(store.state));
}
