// @vitest-environment jsdom
import "fake-indexeddb/auto";
import { NO_ANSWER } from "@headrace/client";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { NO_PARAMETERS } from "../src/parameters";
import type { Talk } from "../src/records/conversation";
import { Database } from "../src/records/database";
import { Records } from "../src/records/records";
import { newPane, newTurn, type Turn } from "../src/state";

function asked(prompt: string, content = "an answer"): Turn {
  return { ...newTurn(prompt), configId: "c1", phase: "closed", answer: { ...NO_ANSWER, content } };
}

function talk(...turns: Turn[]): Talk {
  return { panes: [{ ...newPane("c1"), turns }], parameters: NO_PARAMETERS, models: { c1: "a model" } };
}

async function tab(): Promise<Records> {
  const records = new Records();
  await records.open();
  return records;
}

async function prompts(records: Records, id: string): Promise<string[] | undefined> {
  return (await records.peek(id))?.panes[0]?.turns.map(({ prompt }) => prompt);
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  localStorage.clear();
});

describe("what is kept", () => {
  it("comes back whole, its files too", async () => {
    const file = { id: "f", name: "a.txt", kind: "text", data: "some text" } as const;
    const kept = talk({ ...asked("one"), files: [file] });
    const records = await tab();
    records.note("x", kept);
    await records.flush();
    expect(await (await tab()).read("x")).toMatchObject({ ...kept, id: "x", title: "", pinned: false });
    expect(records.state.summaries).toMatchObject([{ id: "x", question: "one", models: ["a model"] }]);
  });

  it("is what the page had not noted yet too, whoever asks for it", async () => {
    const records = await tab();
    const first = asked("one");
    records.onFlush = () => records.note("x", talk(first, asked("this moment")));
    expect((await records.all()).map(({ id }) => id)).toEqual(["x"]);
    const copy = await records.duplicate("x", "a copy");
    expect(await prompts(records, copy ?? "")).toEqual(["one", "this moment"]);
    records.onFlush = () => records.note("x", talk(first, asked("another moment")));
    expect((await records.all(["x"]))[0]?.panes[0]?.turns[1]?.prompt).toBe("another moment");
  });

  it("is not what has not begun, and not the same twice", async () => {
    const records = await tab();
    const once = talk(asked("one"));
    records.note("empty", talk());
    for (let times = 0; times < 3; times += 1) {
      records.note("x", once);
      await records.flush();
    }
    expect(records.state.summaries).toMatchObject([{ id: "x", revision: 1 }]);
  });

  it("keeps its name and its pin while it goes on", async () => {
    const records = await tab();
    const one = asked("one");
    records.note("x", talk(one));
    await records.flush();
    await records.rename("x", "  A\nname ");
    await records.pin("x", true);
    records.note("x", talk(one, asked("two")));
    await records.flush();
    expect(records.state.summaries).toMatchObject([{ title: "A name", pinned: true, revision: 2 }]);
    expect(await prompts(records, "x")).toEqual(["one", "two"]);
  });

  it("is deleted, and had back", async () => {
    const records = await tab();
    records.note("x", talk(asked("one"))); // waits still
    await records.remove(["x"]);
    expect(records.state).toMatchObject({ summaries: [], removed: [{ id: "x" }] });
    await records.restore();
    expect(await prompts(records, "x")).toEqual(["one"]);
    expect(records.state.removed).toEqual([]);
  });

  it("is duplicated under another name, with nothing in common", async () => {
    const records = await tab();
    records.note("x", talk({ ...asked("one"), phase: "streaming" as Turn["phase"] }));
    const made = await records.duplicate("x", "one (copy)");
    const [mine, theirs] = await records.all(["x", made ?? ""]);
    expect(theirs?.title).toBe("one (copy)");
    expect(theirs?.panes[0]?.turns[0]?.phase).toBe("closed");
    expect(theirs?.panes[0]?.turns[0]?.id).not.toBe(mine?.panes[0]?.turns[0]?.id);
  });
});

describe("two tabs", () => {
  it("keep both where both went on", async () => {
    const [here, there] = [await tab(), await tab()];
    const one = asked("one");
    here.note("x", talk(one));
    await here.flush();
    await there.read("x");
    there.note("x", talk(one, asked("there")));
    await there.flush();
    const moved = vi.fn();
    here.onMoved = moved;
    here.note("x", talk(one, asked("here")));
    await here.flush();
    const [[from, to]] = moved.mock.calls as [[string, string]];
    expect(from).toBe("x");
    expect(await prompts(here, "x")).toEqual(["one", "there"]);
    expect(await prompts(here, to)).toEqual(["one", "here"]);
  });

  it("write one conversation where one knows all that the other has", async () => {
    const [here, there] = [await tab(), await tab()];
    const [one, two] = [asked("one"), asked("two")];
    here.note("x", talk(one));
    await here.flush();
    there.note("x", talk(one, two)); // a reload: it has read nothing, and has it all
    await there.flush();
    expect(there.state.summaries).toHaveLength(1);
    expect(await prompts(there, "x")).toEqual(["one", "two"]);
  });

  it("tell each other", async () => {
    const [here, there] = [await tab(), await tab()];
    const told = new Promise<string>((resolve) => (there.onElsewhere = resolve));
    here.note("x", talk(asked("one")));
    await here.flush();
    expect(await told).toBe("x");
    await vi.waitFor(() => expect(there.state.summaries).toHaveLength(1));
  });
});

describe("searching", () => {
  it("finds every word in any case, in names, questions and answers", async () => {
    const records = await tab();
    records.note("a", talk(asked("Where do rivers go?", "To the SEA, mostly.")));
    records.note("b", talk(asked("Why is the sky blue?", "Light is scattered.")));
    await records.flush();
    await records.rename("b", "Weather");
    const found = async (text: string): Promise<string[]> => [...(await records.search(text, new AbortController().signal)).keys()];
    expect(await found("sea RIVERS")).toEqual(["a"]);
    expect(await found("weather")).toEqual(["b"]);
    expect(await found("i")).toEqual(["a", "b"]);
    expect(await found("sea sky")).toEqual([]);
    expect((await records.search("sea", new AbortController().signal)).get("a")).toBe("To the SEA, mostly.");
  });
});

describe("a browser that keeps nothing", () => {
  it("is said, and nothing is thrown", async () => {
    globalThis.indexedDB = { open: () => { throw new DOMException("no", "SecurityError"); } } as unknown as IDBFactory;
    const records = await tab();
    records.note("x", talk(asked("one")));
    await records.flush();
    expect(records.working).toBe(false);
    expect(records.state).toMatchObject({ trouble: "away", summaries: undefined });
  });

  it("has no room: what was not kept is kept when there is some again", async () => {
    const records = await tab();
    records.note("old", talk(asked("old")));
    await records.flush();
    const full = vi.spyOn(Database.prototype, "save").mockRejectedValueOnce(new DOMException("full", "QuotaExceededError"));
    records.note("x", talk(asked("one")));
    await records.flush();
    expect(records.state.trouble).toBe("full");
    full.mockRestore();
    await records.remove(["old"]);
    await records.flush();
    expect(records.state.trouble).toBeUndefined();
    expect(records.state.summaries).toMatchObject([{ id: "x" }]);
  });
});

describe("where none is kept", () => {
  it("what there was is gone, what comes is not written, and a reload changes nothing", async () => {
    const records = await tab();
    records.note("x", talk(asked("one")));
    await records.flush();
    records.note("y", talk(asked("two"))); // waits to be written
    await records.setKeeping(false);
    records.note("z", talk(asked("three")));
    await records.flush();
    const again = await tab();
    expect(again.state).toMatchObject({ keeping: false, summaries: [], removed: [] });
    for (const id of ["x", "y", "z"]) expect(await again.peek(id)).toBeUndefined();
    expect(again.working).toBe(false);
  });

  it("it begins again with what is shown when it is wanted", async () => {
    const records = await tab();
    const shown = talk(asked("one"));
    records.note("x", shown);
    await records.flush();
    await records.setKeeping(false);
    await records.setKeeping(true);
    records.note("x", shown);
    await records.flush();
    expect(await prompts(await tab(), "x")).toEqual(["one"]);
  });

  it("another tab writes no more either", async () => {
    const [records, other] = [await tab(), await tab()];
    other.note("x", talk(asked("one")));
    await records.setKeeping(false);
    dispatchEvent(new StorageEvent("storage", { key: "headrace.keeping" }));
    await other.flush();
    expect(other.state.keeping).toBe(false);
    expect(await records.peek("x")).toBeUndefined();
  });
});
