/** Which conversation the page shows, what becomes of the one that it leaves, and those that run on meanwhile. */

import type { Talk } from "./records/conversation";
import { records } from "./records/records";
import { asideKept, isRunning, newId, withTurn, type Aside, type Pane, type State, type Turn } from "./state";

/** What the page's store lets this part do. */
export interface Page {
  state: () => State;
  set: (change: Partial<State>) => void;
  /** Follow a turn that was under way; one that is followed already is left alone. */
  again: (pane: Pane, turn: Turn) => void;
  stop: (turns: readonly Turn[]) => void;
  /** Follow these no longer; the server goes on with them. */
  leave: (turns: readonly Turn[]) => void;
}

const MOST_FOLLOWED = 5; // a browser opens six connections to a server by HTTP/1.1, and one is for everything else

export class Conversations {
  constructor(readonly page: Page) {
    records.onFlush = () => this.note();
    records.onMoved = (from, to) => this.#moved(from, to);
    records.onElsewhere = (id) => void this.#elsewhere(id);
  }

  /** Those that ran beside the shown one when the page was left run on. */
  async resume(): Promise<void> {
    const found = await Promise.all(asideKept().map((id) => records.read(id)));
    const aside = found.filter((each) => each !== undefined).map(({ id, panes, parameters }) => ({ id, panes, parameters }));
    this.page.set({ aside });
    this.balance();
  }

  /** What the page works on, to the records. */
  note(): void {
    const { conversation, panes, parameters, aside } = this.page.state();
    for (const each of [{ id: conversation, panes, parameters }, ...aside]) records.note(each.id, this.#talk(each));
  }

  /** Another conversation in place of the one shown, which stays in the list; what runs in it runs on. */
  async show(id: string): Promise<void> {
    const { conversation, aside } = this.page.state();
    if (id === conversation) return;
    const found = aside.find((each) => each.id === id) ?? (await records.read(id));
    if (!found) return;
    const { usual, parameters } = this.page.state();
    this.#leave({ conversation: found.id, panes: found.panes, parameters: found.parameters, usual: usual ?? parameters });
    this.#follow(found.panes);
  }

  /** What is shown comes first: of the others as many streams are followed as there are connections for; the rest is joined later. */
  balance(): void {
    const { panes, aside } = this.page.state();
    const room = Math.max(0, MOST_FOLLOWED - panes.flatMap(({ turns }) => turns.filter(isRunning)).length);
    const others = aside.flatMap((each) => each.panes.flatMap((pane) => pane.turns.filter(isRunning).map((turn) => ({ pane, turn }))));
    this.page.leave(others.slice(room).map(({ turn }) => turn));
    for (const { pane, turn } of others.slice(0, room)) this.page.again(pane, turn);
  }

  /** A new one with these panes. */
  begin(panes: readonly Pane[]): void {
    this.#leave({ conversation: newId(), panes, ...usually(this.page.state()) });
  }

  /** Where nothing can be kept, what is left can be taken back instead. */
  get kept(): boolean {
    return records.working;
  }

  /** Gone from the list; the page shows a new one where it was shown. */
  async remove(ids: readonly string[]): Promise<void> {
    const { conversation, aside, panes } = this.page.state();
    const removed = [{ id: conversation, panes }, ...aside].filter(({ id }) => ids.includes(id));
    this.note();
    this.page.stop(removed.flatMap((each) => each.panes.flatMap(({ turns }) => turns)));
    this.page.set({ aside: aside.filter(({ id }) => !ids.includes(id)) });
    if (ids.includes(conversation)) this.page.set({ conversation: newId(), panes: emptied(panes), undo: undefined, ...usually(this.page.state()) });
    await records.remove(ids);
  }

  /** Whether this browser keeps any. Without, all but the one that is shown are gone, and what ran in them has ended. */
  async setKeeping(keeping: boolean): Promise<void> {
    const { aside } = this.page.state();
    if (!keeping) {
      this.page.stop(aside.flatMap((each) => each.panes.flatMap(({ turns }) => turns)));
      this.page.set({ aside: [] });
    }
    await records.setKeeping(keeping);
    this.note();
  }

  /** A turn of a conversation that is not shown has changed; one that has come to its end is kept and let go. */
  change(turnId: string, change: (turn: Turn) => Partial<Turn>): void {
    const { aside } = this.page.state();
    const next = aside.map((each) => {
      const panes = withTurn(each.panes, turnId, change);
      return panes === each.panes ? each : { ...each, panes };
    });
    this.page.set({ aside: next });
    this.note();
    const ended = next.filter(({ panes }) => !panes.some(({ turns }) => turns.some(isRunning)));
    if (ended.length) this.page.set({ aside: next.filter((each) => !ended.includes(each)) });
    for (const { id } of ended) void records.flush(id);
  }

  #leave(next: Pick<State, "conversation" | "panes"> & Partial<State>): void {
    const { conversation, panes, parameters, aside } = this.page.state();
    void records.flush(conversation);
    const others = aside.filter(({ id }) => id !== next.conversation);
    const running = panes.some(({ turns }) => turns.some(isRunning));
    this.page.set({ undo: undefined, ...next, aside: running ? [...others, { id: conversation, panes, parameters }] : others });
  }

  #follow(panes: readonly Pane[]): void {
    for (const pane of panes) for (const turn of pane.turns.filter(isRunning)) this.page.again(pane, turn);
  }

  #moved(from: string, to: string): void {
    const { conversation, aside } = this.page.state();
    this.page.set({ conversation: conversation === from ? to : conversation, aside: aside.map((each) => (each.id === from ? { ...each, id: to } : each)) });
  }

  /** Another tab went on with what is shown here: shown as it is there, once nothing runs in either. */
  async #elsewhere(id: string): Promise<void> {
    if (id !== this.page.state().conversation) return;
    const found = await records.peek(id);
    this.note(); // what ended a moment ago counts as not written yet
    const { conversation, panes } = this.page.state();
    const running = [...panes, ...(found?.panes ?? [])].some(({ turns }) => turns.some(isRunning));
    if (!found || conversation !== id || running || records.ahead(found)) return;
    records.know(found);
    this.page.set({ panes: found.panes, undo: undefined });
  }

  #talk({ panes, parameters }: Pick<Aside, "panes" | "parameters">): Talk {
    const ids = new Set(panes.flatMap(({ configId, turns }) => [configId, ...turns.map((turn) => turn.configId)]));
    const named = (this.page.state().models ?? []).filter(({ configId }) => ids.has(configId));
    return { panes, parameters, models: Object.fromEntries(named.map(({ configId, name }) => [configId, name])) };
  }
}

/** A new conversation starts with the parameters that its person has chosen, not with those that something else brought. */
export function usually({ parameters, usual }: State): Pick<State, "parameters" | "usual"> {
  return { parameters: usual ?? parameters, usual: undefined };
}

export function emptied(panes: readonly Pane[]): readonly Pane[] {
  return panes.map((pane) => ({ ...pane, id: newId(), turns: [] }));
}
