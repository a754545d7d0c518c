import { describe, expect, it } from "vitest";

import { Backoff, PATIENCE } from "../src/backoff.js";
import { retryAfterOf } from "../src/errors.js";
import { NO_ANSWER, gather, parseEvent } from "../src/index.js";

describe("the wait before the next attempt", () => {
  const even = (): number => 1;

  it("doubles up to its most, and starts anew with progress", () => {
    const backoff = new Backoff({ ...PATIENCE, first: 100, most: 350 }, even);
    expect([backoff.next(0), backoff.next(0), backoff.next(0), backoff.next(0)]).toEqual([100, 200, 350, 350]);
    backoff.progress();
    expect(backoff.next(0)).toBe(100);
  });

  it("is never shorter than half, nor than the server asks for", () => {
    expect(new Backoff({ ...PATIENCE, first: 100 }, () => 0).next(0)).toBe(50);
    expect(new Backoff(PATIENCE, even).next(0, 7000)).toBe(7000);
  });

  it("takes the server's `retry:` line", () => {
    const backoff = new Backoff(PATIENCE, even);
    backoff.suggest(40);
    expect(backoff.next(0)).toBe(40);
  });

  it("ends with patience: attempts count, time asleep does not", () => {
    const backoff = new Backoff({ first: 100, most: 100, giveUpAfter: 1000, idle: 300 }, even);
    expect([backoff.next(3_600_000), backoff.next(300), backoff.next(300)]).toEqual([100, 100, undefined]);
    expect(new Backoff(PATIENCE, even).next(0, PATIENCE.giveUpAfter + 1)).toBeUndefined();
  });
});

it("reads Retry-After as seconds and as a date", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  expect([retryAfterOf("3", now), retryAfterOf("Tue, 01 Jan 2030 00:00:05 GMT", now)]).toEqual([3, 5]);
  expect([retryAfterOf(null, now), retryAfterOf("0", now), retryAfterOf("soon", now)]).toEqual([undefined, undefined, undefined]);
});

it("passes over kinds that it does not know, and says what is no event", () => {
  expect(parseEvent('{"type": "later", "x": 1}')).toBeUndefined();
  expect(parseEvent('{"error": "boom", "code": "upstream_reset"}')).toEqual({ error: "boom", code: "upstream_reset" });
  expect(() => parseEvent("oops")).toThrow(/no JSON: oops/);
});

it("gathers calls from their pieces", () => {
  const piece = { type: "tool_call" as const, index: 1, id: "", name: "", arguments: "" };
  const answer = gather(NO_ANSWER, [
    { ...piece, id: "c1", name: "weather", arguments: '{"city"' },
    { ...piece, arguments: ': "Bern"}' },
  ]);
  expect(answer.toolCalls[1]).toEqual({ id: "c1", name: "weather", arguments: '{"city": "Bern"}' });
  expect(NO_ANSWER.toolCalls).toEqual([]);
});
