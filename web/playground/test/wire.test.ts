import { NO_ANSWER } from "@headrace/client";
import { describe, expect, it } from "vitest";

import { bodyOf, eventsOf, expected, rowsOf, type Attempt, type Frame, type Wire } from "../src/wire";

function attempt(atMs: number, frames: Frame[]): Attempt {
  return { atMs, request: { method: "POST", url: "u", headers: {}, body: "{}" }, response: { atMs: atMs + 1, status: 200, headers: {} }, frames, error: null };
}

function wire(attempts: Attempt[], events: Wire["events"]): Wire {
  return { streamId: "s", cut: false, attempts, events };
}

describe("the rows of a wire", () => {
  const data = eventsOf('id: 1\ndata: {"a": 1}\n\nid: 2\ndata: {"b": 2}\n\nid: 3\ndata: {"c": 3}\n\ndata: [DONE]\n\n');

  it("stand beside what was made of them, each event once", () => {
    const kept = wire([attempt(0, [{ atMs: 5, text: "x" }, { atMs: 9, text: "y" }])], [{ atMs: 5, first: 1, last: 1 }, { atMs: 9.2, first: 2, last: 3 }]);
    expect(rowsOf(kept, 0, data)).toEqual([
      { atMs: 5, frame: "x", events: ['{"a": 1}'] },
      { atMs: 9, frame: "y", events: ['{"b": 2}', '{"c": 3}'] },
    ]);
  });

  it("are one where frames arrived together", () => {
    const kept = wire([attempt(0, [{ atMs: 5, text: "x" }, { atMs: 5, text: "y" }])], [{ atMs: 5.1, first: 1, last: 2 }]);
    expect(rowsOf(kept, 0, data)).toEqual([{ atMs: 5, frame: "xy", events: ['{"a": 1}', '{"b": 2}'] }]);
  });

  it("belong to the attempt in whose time they were shown", () => {
    const kept = wire([attempt(0, [{ atMs: 2, text: "busy" }]), attempt(10, [{ atMs: 12, text: "x" }])], [{ atMs: 12, first: 1, last: 3 }]);
    expect(rowsOf(kept, 0, data).flatMap(({ events }) => events)).toEqual([]);
    expect(rowsOf(kept, 1, data)[0]?.events).toHaveLength(3);
  });

  it("show an event without a frame, and a number where its text is gone", () => {
    const kept = wire([attempt(0, [])], [{ atMs: 1, first: 7, last: 7 }]);
    expect(rowsOf(kept, 0, data)).toEqual([{ atMs: 1, frame: "", events: ["#7"] }]);
  });
});

describe("a fixture", () => {
  it("has the body to the byte, text or binary", () => {
    expect(new TextDecoder().decode(bodyOf(wire([attempt(0, [{ atMs: 0, text: "dätä: " }, { atMs: 1, text: "你\n\n" }])], [])))).toBe("dätä: 你\n\n");
    expect([...bodyOf(wire([attempt(0, [{ atMs: 0, base64: btoa("\0\xff") }, { atMs: 1, base64: btoa("\x07") }])], []))]).toEqual([0, 255, 7]);
  });

  it("says what should be read from it, and nothing of what was guessed", () => {
    const usage = { inputTokens: 1, outputTokens: 2, reasoningTokens: 0, cachedTokens: 0, source: "estimated" as const };
    const finish = { type: "finish" as const, reason: "stop" as const, providerReason: "stop", usage, timing: null, attempts: 1 };
    expect(expected("openai", { ...NO_ANSWER, content: "hi", finish })).toEqual({ provider: "openai", content: "hi", provider_reason: "stop" });
    expect(expected("openai", { ...NO_ANSWER, content: "hi", finish: { ...finish, usage: { ...usage, source: "reported" } } })).toMatchObject({ usage: [1, 2, 0, 0] });
  });
});
