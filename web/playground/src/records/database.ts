/** Conversations in the browser's IndexedDB. Lists read summaries alone; pictures and files lie apart from the text. */

import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";

import { newId, type Pane } from "../state";
import { hasTurns, holds, summaryOf, titleIn, type Conversation, type Summary, type Talk } from "./conversation";
import { matcherOf } from "./searching";

const VERSION = 1;
const STORES = ["summaries", "talks", "files"] as const;

interface Schema extends DBSchema {
  summaries: { key: string; value: Summary };
  talks: { key: string; value: Talk & { id: string } };
  /** Of each conversation: what its files hold, by their ids. */
  files: { key: string; value: { id: string; data: Record<string, string> } };
}

type Writing = IDBPTransaction<Schema, (typeof STORES)[number][], "readwrite">;

/** `id` is another one where a second tab had written: then both are kept. */
export interface Saved {
  id: string;
  revision: number;
}

export class Database {
  private constructor(readonly idb: IDBPDatabase<Schema>) {}

  /** `onLost`: the browser has closed it, or another version of the page wants to change it. */
  static async open(name: string, onLost: () => void): Promise<Database> {
    const idb = await openDB<Schema>(name, VERSION, {
      upgrade: (made) => STORES.forEach((store) => made.createObjectStore(store, { keyPath: "id" })),
      blocking: (_, __, event) => {
        (event.target as IDBDatabase).close();
        onLost();
      },
      terminated: onLost,
    });
    return new Database(idb);
  }

  summaries(): Promise<Summary[]> {
    return this.idb.getAll("summaries");
  }

  async read(id: string): Promise<(Conversation & { revision: number }) | undefined> {
    const reading = this.idb.transaction(STORES);
    const [summary, talk, files] = await Promise.all([
      reading.objectStore("summaries").get(id),
      reading.objectStore("talks").get(id),
      reading.objectStore("files").get(id),
    ]);
    if (!summary || !talk) return undefined;
    const { title, pinned, revision } = summary;
    return { ...talk, title, pinned, revision, panes: withData(talk.panes, files?.data ?? {}) };
  }

  /** `known`: the revision that this tab has read or written last. Title and pin stay as they are kept. */
  async save(id: string, talk: Talk, known: number | undefined): Promise<Saved> {
    const writing = this.idb.transaction(STORES, "readwrite");
    const stored = await writing.objectStore("summaries").get(id);
    const foreign = stored && stored.revision !== known ? await writing.objectStore("talks").get(id) : undefined;
    const apart = foreign !== undefined && !holds(talk, foreign);
    const saved = { id: apart ? newId() : id, revision: apart || !stored ? 1 : stored.revision + 1 };
    const { title, pinned } = stored && !apart ? stored : { title: "", pinned: false };
    const models = { ...(apart ? {} : foreign?.models), ...talk.models };
    await write(writing, { ...talk, models, id: saved.id, title, pinned }, saved.revision);
    return saved;
  }

  /** Whole conversations, in place of those of their ids; all of them or none. */
  async put(conversations: readonly Conversation[]): Promise<void> {
    const writing = this.idb.transaction(STORES, "readwrite");
    const writes = conversations.filter(hasTurns).map((each) => put(writing, each, 1));
    await Promise.all([...writes, writing.done]);
  }

  async change(id: string, change: { title?: string; pinned?: boolean }): Promise<void> {
    const writing = this.idb.transaction("summaries", "readwrite");
    const stored = await writing.store.get(id);
    if (stored) await writing.store.put({ ...stored, ...change, title: titleIn(change.title ?? stored.title) });
    await writing.done;
  }

  async remove(ids: readonly string[]): Promise<void> {
    const writing = this.idb.transaction(STORES, "readwrite");
    await Promise.all([...ids.flatMap((id) => STORES.map((store) => writing.objectStore(store).delete(id))), writing.done]);
  }

  async clear(): Promise<void> {
    const writing = this.idb.transaction(STORES, "readwrite");
    await Promise.all([...STORES.map((store) => writing.objectStore(store).clear()), writing.done]);
  }

  /** Those whose name, questions or answers hold every word, each with what stands around the first. */
  async search(text: string, signal: AbortSignal): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const match = matcherOf(text);
    const reading = this.idb.transaction(["summaries", "talks"]);
    const titles = new Map((await reading.objectStore("summaries").getAll()).map(({ id, title }) => [id, title]));
    let cursor = await reading.objectStore("talks").openCursor();
    while (cursor && !signal.aborted) {
      const said = match(titles.get(cursor.key) ?? "", cursor.value.panes);
      if (said !== undefined) found.set(cursor.key, said);
      cursor = await cursor.continue();
    }
    return found;
  }

  close(): void {
    this.idb.close();
  }
}

async function write(writing: Writing, conversation: Conversation, revision: number): Promise<void> {
  await Promise.all([put(writing, conversation, revision), writing.done]);
}

async function put(writing: Writing, conversation: Conversation, revision: number): Promise<void> {
  const { id, panes, parameters, models } = conversation;
  const data = dataOf(panes);
  const bare = panes.map((pane) => ({ ...pane, turns: pane.turns.map((turn) => ({ ...turn, files: turn.files.map((file) => ({ ...file, data: "" })) })) }));
  const files = writing.objectStore("files");
  await Promise.all([
    writing.objectStore("summaries").put(summaryOf(conversation, revision)),
    writing.objectStore("talks").put({ id, panes: bare, parameters, models }),
    Object.keys(data).length ? files.put({ id, data }) : files.delete(id),
  ]);
}

function dataOf(panes: readonly Pane[]): Record<string, string> {
  const files = panes.flatMap(({ turns }) => turns.flatMap((turn) => turn.files));
  return Object.fromEntries(files.filter(({ data }) => data).map(({ id, data }) => [id, data]));
}

function withData(panes: readonly Pane[], data: Readonly<Record<string, string>>): readonly Pane[] {
  return panes.map((pane) => ({
    ...pane,
    turns: pane.turns.map((turn) => ({ ...turn, files: turn.files.map((file) => ({ ...file, data: data[file.id] ?? "" })) })),
  }));
}
