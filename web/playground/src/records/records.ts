/** The kept conversations of this browser: the list that the page shows, and the writing of what it works on. */

import { duplicateOf, hasTurns, titleIn, type Conversation, type Summary, type Talk } from "./conversation";
import { Database, type Saved } from "./database";

const SAVE_AFTER_MS = 800; // what streams is written about once a second
const NAME = "headrace";
const CHANNEL = "headrace.records";

/** `full`: no room left; `away`: the browser keeps nothing here, as in some private windows. */
export type Trouble = "full" | "away" | undefined;

export interface RecordsState {
  /** `undefined` until they have been read. */
  summaries: readonly Summary[] | undefined;
  trouble: Trouble;
  /** What was deleted last, and can be had back. */
  removed: readonly Conversation[];
  /** False: by their person's wish none is kept. */
  keeping: boolean;
}

type Known = Conversation & { revision: number };

interface Waiting {
  talk: Talk;
  timer: ReturnType<typeof setTimeout>;
}

export class Records {
  #state: RecordsState = { summaries: undefined, trouble: undefined, removed: [], keeping: true };
  #listeners = new Set<() => void>();
  #database: Promise<Database> | undefined;
  #name = NAME;
  #channel: BroadcastChannel | undefined;
  #revisions = new Map<string, number>();
  #written = new WeakSet<Talk["panes"]>();
  #unsaved = new Map<string, Talk>();
  #waiting = new Map<string, Waiting>();
  #order: Promise<unknown> = Promise.resolve();

  /** All is to be written that there is: whoever has something that is not noted yet notes it. */
  onFlush: () => void = () => undefined;
  /** Another tab has written this conversation. */
  onElsewhere: (id: string) => void = () => undefined;
  /** It was written in two tabs, and is kept as another conversation from here on. */
  onMoved: (from: string, to: string) => void = () => undefined;

  get state(): RecordsState {
    return this.#state;
  }

  /** Whether what is left now can be opened again later. */
  get working(): boolean {
    const { summaries, trouble, keeping } = this.#state;
    return keeping && summaries !== undefined && trouble === undefined;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** `owner`: each person who signs in at this browser has conversations of their own. */
  async open(owner = ""): Promise<void> {
    this.#name = owner ? `${NAME}:${owner}` : NAME;
    this.#channel = new BroadcastChannel(`${CHANNEL}:${owner}`);
    this.#channel.onmessage = ({ data }: MessageEvent<string>) => {
      void this.#list();
      if (data) this.onElsewhere(data);
    };
    this.#set({ keeping: this.#wanted });
    addEventListener("storage", ({ key }) => key === this.#choice && this.#keep(this.#wanted)); // as another tab has it
    await this.#list();
  }

  get #choice(): string {
    return `${this.#name}.keeping`;
  }

  get #wanted(): boolean {
    return localStorage.getItem(this.#choice) !== "no";
  }

  /** Without: all that are kept are deleted for good, here and in the other tabs. */
  async setKeeping(keeping: boolean): Promise<void> {
    if (keeping) localStorage.removeItem(this.#choice);
    else localStorage.setItem(this.#choice, "no");
    this.#keep(keeping);
    if (!keeping) await this.#change("", (database) => database.clear());
  }

  /** What this tab knows of the kept ones holds no longer. */
  #keep(keeping: boolean): void {
    for (const id of [...this.#waiting.keys()]) this.#forget(id);
    this.#unsaved.clear();
    this.#revisions.clear();
    this.#written = new WeakSet();
    this.#set({ keeping, removed: [] });
  }

  /** To work on it here. */
  async read(id: string): Promise<Conversation | undefined> {
    await this.flush(id);
    const found = await this.peek(id);
    if (found) this.know(found);
    return found;
  }

  peek(id: string): Promise<Known | undefined> {
    return this.#use((database) => database.read(id));
  }

  /** What this tab writes next stands on this. */
  know({ id, revision, panes }: Known): void {
    this.#revisions.set(id, revision);
    this.#written.add(panes);
  }

  /** Whether it is what this tab knows already, or something here is not written yet. */
  ahead({ id, revision }: Known): boolean {
    return this.#waiting.has(id) || this.#revisions.get(id) === revision;
  }

  /** Write it soon, once it is known whose it is; what has been written is not written again. */
  note(id: string, talk: Talk): void {
    if (!this.#channel || !this.#state.keeping || !hasTurns(talk) || this.#written.has(talk.panes)) return;
    const waiting = this.#waiting.get(id);
    if (waiting) waiting.talk = talk;
    else this.#waiting.set(id, { talk, timer: setTimeout(() => void this.flush(id), SAVE_AFTER_MS) });
  }

  /** Write what waits now. */
  async flush(id?: string): Promise<void> {
    this.onFlush();
    const ids = id === undefined ? [...this.#waiting.keys()] : [id];
    await Promise.all(ids.map((each) => this.#inOrder(() => this.#save(each))));
  }

  async rename(id: string, title: string): Promise<void> {
    await this.#change(id, (database) => database.change(id, { title: titleIn(title) }));
  }

  async pin(id: string, pinned: boolean): Promise<void> {
    await this.#change(id, (database) => database.change(id, { pinned }));
  }

  async duplicate(id: string, title: string): Promise<string | undefined> {
    await this.flush(id);
    const found = await this.peek(id);
    if (!found) return undefined;
    const made = duplicateOf(found, title);
    await this.add([made]);
    return made.id;
  }

  /** False where there was no room for them; then none is kept. */
  async add(conversations: readonly Conversation[]): Promise<boolean> {
    await this.#change("", (database) => database.put(conversations));
    return this.#state.trouble === undefined;
  }

  async remove(ids: readonly string[]): Promise<void> {
    const removed = await this.all(ids);
    for (const id of ids) {
      this.#forget(id);
      this.#unsaved.delete(id);
    }
    await this.#change("", (database) => database.remove(ids));
    this.#set({ removed });
    for (const [id, talk] of this.#unsaved) this.note(id, talk); // there may be room now
  }

  async restore(): Promise<void> {
    const { removed } = this.#state;
    this.#set({ removed: [] });
    await this.add(removed);
  }

  forgetRemoved(): void {
    this.#set({ removed: [] });
  }

  /** Whole, in the order of `ids`; without any, all that are kept. */
  async all(ids?: readonly string[]): Promise<Conversation[]> {
    await this.flush();
    const wanted = ids ?? this.#state.summaries?.map(({ id }) => id) ?? [];
    const found = await Promise.all(wanted.map((id) => this.peek(id)));
    return found.filter((each) => each !== undefined);
  }

  async search(text: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return (await this.#use((database) => database.search(text, signal))) ?? new Map<string, string>();
  }

  async #save(id: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#forget(id);
    const { talk } = waiting;
    const saved = await this.#write((database) => database.save(id, talk, this.#revisions.get(id)));
    if (!saved) return void this.#unsaved.set(id, talk);
    this.#unsaved.delete(id);
    this.#revisions.set(saved.id, saved.revision);
    this.#written.add(talk.panes);
    if (saved.id !== id) this.#move(id, saved.id);
    await this.#tell(saved.id);
  }

  /** What has come meanwhile goes where this went. */
  #move(from: string, to: string): void {
    const waiting = this.#waiting.get(from);
    this.#forget(from);
    if (waiting) this.note(to, waiting.talk);
    this.onMoved(from, to);
  }

  #forget(id: string): void {
    clearTimeout(this.#waiting.get(id)?.timer);
    this.#waiting.delete(id);
  }

  async #change(id: string, work: (database: Database) => Promise<void>): Promise<void> {
    await this.#inOrder(() => this.#write(work));
    await this.#tell(id);
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#order.then(work);
    this.#order = done.catch(() => undefined);
    return done;
  }

  async #tell(id: string): Promise<void> {
    this.#channel?.postMessage(id);
    await this.#list();
  }

  async #list(): Promise<void> {
    const summaries = await this.#use((database) => database.summaries());
    if (summaries) this.#set({ summaries });
  }

  async #write<T extends Saved | void>(work: (database: Database) => Promise<T>): Promise<T | undefined> {
    let written = false;
    const done = await this.#use(async (database) => {
      const made = await work(database);
      written = true;
      return made;
    });
    if (written && this.#state.trouble) this.#set({ trouble: undefined });
    return done;
  }

  /** `undefined` where the browser does not let it; the page says so and goes on. */
  async #use<T>(work: (database: Database) => Promise<T>): Promise<T | undefined> {
    try {
      this.#database ??= Database.open(this.#name, () => (this.#database = undefined));
      const done = await work(await this.#database);
      if (this.#state.trouble === "away") this.#set({ trouble: undefined });
      return done;
    } catch (error) {
      const full = error instanceof DOMException && error.name === "QuotaExceededError";
      if (!full) this.#database = undefined;
      this.#set({ trouble: full ? "full" : "away" });
      return undefined;
    }
  }

  #set(change: Partial<RecordsState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

export const records = new Records();

