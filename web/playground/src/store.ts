/** The page's one store: what people do to it, and the streams that change it. */

import { useSyncExternalStore } from "react";

import { addModel, changeModel, chosenProject, findModels, listModels, listProviders, removeModel, whoami, type FoundModel, type ModelConfig, type NewModel } from "./api";
import { MOST_ATTACHED, RefusedFile, attachmentOf, type Attachment, type Refusal } from "./attachments";
import { Conversations, emptied } from "./conversations";
import { fillingIn } from "./links";
import { NO_PARAMETERS, type Parameters } from "./parameters";
import type { Preset, PresetPane } from "./presets";
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
      this.conversations.note();
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
    this.#fit();
    for (const pane of this.#state.panes) for (const turn of pane.turns.filter(isRunning)) this.#streams.again(pane, turn);
    await records.open(owner);
    await this.conversations.resume();
    this.#fillFromLink();
    addEventListener("hashchange", () => this.#fillFromLink());
  }

  /** What somebody else has left in this tab is not shown to who signs in after them. */
  #nothingOf(): Partial<State> {
    return { conversation: newId(), panes: emptied(this.#state.panes), draft: "", attached: [], parameters: NO_PARAMETERS, usual: undefined };
  }

  /** What there is to choose from besides the stored models. The page works without it. */
  async look(): Promise<void> {
    const [providers, found] = await Promise.all([listProviders().catch(() => []), findModels().catch(() => [])]);
    const stored = new Set(this.#state.models?.map(({ providerId, modelId }) => `${providerId} ${modelId}`));
    this.#set({ providers, found: found.filter(({ providerId, modelId }) => !stored.has(`${providerId} ${modelId}`)) });
  }

  /** Store a model that was found, and let this pane have it. */
  async adopt(found: FoundModel, paneId: string): Promise<void> {
    const { providerId, modelId, keyHere } = found;
    this.#set({ found: this.#state.found.filter((each) => each !== found) });
    const model = { providerId, name: modelId, modelId, endpoint: "", apiKey: "", keyFromEnvironment: keyHere };
    await this.addModel(model, paneId).catch((error: unknown) => this.#set({ problem: problemOf(error) }));
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
    const from = this.#nameOf(chosen.turns.at(-1)?.configId ?? chosen.configId);
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
    const asked = this.#pane(paneId)?.turns.find(({ id }) => id === turnId);
    if (!asked) return;
    const better = !asked.better;
    const panes = this.#state.panes.map((pane) => ({
      ...pane,
      turns: pane.turns.map((turn) => (turn.prompt === asked.prompt ? { ...turn, better: better && turn.id === turnId } : turn)),
    }));
    this.#set({ panes });
  }

  setBlind(blind: boolean): void {
    this.#set({ blind });
  }

  setEnterSends(enterSends: boolean): void {
    this.#set({ enterSends });
  }

  undo(): void {
    if (this.#state.undo) this.#set({ ...this.#state.undo, undo: undefined });
  }

  forgetUndo(): void {
    this.#set({ undo: undefined });
  }

  async attach(files: readonly File[]): Promise<void> {
    this.#set({ refused: undefined });
    for (const file of files) {
      try {
        const made = await attachmentOf(file, newId());
        if (this.#state.attached.length >= MOST_ATTACHED) throw new RefusedFile("tooManyFiles", file.name);
        this.#set({ attached: [...this.#state.attached, made] });
      } catch (error) {
        const why: Refusal = error instanceof RefusedFile ? error.refusal : "fileUnreadable";
        this.#set({ refused: { file: file.name, why } });
      }
    }
  }

  detach(file: Attachment): void {
    this.#set({ attached: this.#state.attached.filter((each) => each !== file), refused: undefined });
  }

  stop(paneId?: string): void {
    this.#streams.stop(this.#state.panes.filter(({ id }) => !paneId || id === paneId).flatMap(({ turns }) => turns));
  }

  addPane(): void {
    const { panes, models } = this.#state;
    const used = new Set(panes.map(({ configId }) => configId));
    const next = models?.find(({ configId }) => !used.has(configId)) ?? models?.[0];
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

  /** What a preset or a link says, in place of what stands there; of its models those that are here. */
  fill({ prompt, parameters, panes }: Omit<Preset, "name">, byLink = false): void {
    const { models = [], panes: before } = this.#state;
    const found = panes.map((wanted) => ({ ...wanted, model: modelOf(models, wanted) }));
    const missing = found.filter(({ model }) => !model).map(({ name, configId }) => name || configId);
    const wanted = found.flatMap(({ model, parameters: own }) => (model ? [{ ...newPane(model.configId), ...(own ? { parameters: own } : {}) }] : []));
    const same = wanted.map(({ configId }) => configId).join() === before.map(({ configId }) => configId).join();
    if (wanted.length && !same) this.begin(wanted);
    const usual = byLink ? (this.#state.usual ?? this.#state.parameters) : undefined;
    this.#set({ parameters, usual, draft: prompt, filled: byLink || missing.length ? { byLink, missing } : undefined });
    if (same) this.#set({ panes: before.map((pane, at) => ({ ...pane, parameters: wanted[at]?.parameters })) });
  }

  /** What a link in the address says is shown, and never sent; the address forgets it. */
  #fillFromLink(): void {
    const wanted = fillingIn(location.hash);
    if (!wanted) return;
    history.replaceState(history.state, "", location.pathname + location.search);
    if (this.#state.panes.some(({ turns }) => turns.length)) this.begin();
    this.fill(wanted, true);
  }

  forgetFilled(): void {
    this.#set({ filled: undefined });
  }

  setDraft(draft: string): void {
    this.#set({ draft });
  }

  async addModel(model: NewModel, paneId?: string): Promise<void> {
    const added = await addModel(this.#state.project, model);
    this.#set({ models: [...(this.#state.models ?? []), added] });
    if (paneId) this.choose(paneId, added.configId);
  }

  async changeModel(configId: string, change: Partial<NewModel>): Promise<void> {
    const changed = await changeModel(this.#state.project, configId, change);
    this.#set({ models: this.#state.models?.map((model) => (model.configId === configId ? changed : model)) });
  }

  async removeModel(configId: string): Promise<void> {
    await removeModel(this.#state.project, configId);
    this.#set({ models: this.#state.models?.filter((model) => model.configId !== configId) });
    this.#fit();
  }

  /** Panes of models that are there; one at least. */
  #fit(): void {
    const known = this.#state.models ?? [];
    const fits = ({ configId, turns }: Pane): boolean => turns.length > 0 || known.some((each) => each.configId === configId);
    const panes = this.#state.panes.filter(fits).slice(0, MOST_PANES);
    this.#set({ panes: panes.length || !known[0] ? panes : known.slice(0, 2).map(({ configId }) => newPane(configId)) });
  }

  #start(pane: Pane, turn: Turn, before: readonly Turn[]): void {
    const asked = { ...turn, configId: pane.configId, parameters: parametersOf(this.#state, pane) };
    const turns = [...before, asked];
    this.#changePane(pane.id, () => ({ ...pane, turns }));
    keep(this.#state); // before it is sent: a page that dies now finds it again
    this.#streams.start(turns);
  }

  #nameOf(configId: string): string {
    return this.#state.models?.find((model) => model.configId === configId)?.name ?? configId;
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

/** By its id where it was saved, or else by its name: links and other installations know no more. */
function modelOf(models: readonly ModelConfig[], { configId, name }: PresetPane): ModelConfig | undefined {
  return models.find((model) => model.configId === configId) ?? models.find((model) => name && (model.name === name || model.modelId === name));
}

export const store = new Store();

export function useStore<T>(select: (state: State) => T): T {
  return useSyncExternalStore(store.subscribe, () => select(store.state));
}
