// @vitest-environment jsdom
import { NO_ANSWER } from "@headrace/client";
import { beforeEach, describe, expect, it } from "vitest";

import { NO_PARAMETERS, keep, kept, newPane, newTurn, requestOf, type Pane, type State, type Turn } from "../src/state";

function answered(prompt: string, content: string): Turn {
  return { ...newTurn(prompt), phase: "closed", answer: { ...NO_ANSWER, content } };
}

function talked(...turns: Turn[]): Pane {
  return { ...newPane("c1"), turns };
}

const STATE: State = { project: "default", models: [], providers: [], found: [], problem: undefined, panes: [], parameters: NO_PARAMETERS, draft: "" };

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe("what a pane asks", () => {
  it("is its own history, with the system prompt before it", () => {
    const pane = talked(answered("one", "first"), answered("two", ""), newTurn("three"));
    expect(requestOf(pane, { ...NO_PARAMETERS, system: "Be brief." })).toEqual({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "one" },
        { role: "assistant", content: "first" },
        { role: "user", content: "two" },
        { role: "user", content: "three" },
      ],
      model: { configId: "c1" },
      temperature: null,
      maxTokens: null,
    });
  });
});

describe("what outlives a reload", () => {
  it("is the talk, the draft and the choices", () => {
    const state = { ...STATE, panes: [talked(answered("one", "first"))], draft: "half a", parameters: { ...NO_PARAMETERS, temperature: 0 } };
    keep(state);
    expect(kept()).toEqual({ panes: state.panes, draft: "half a", parameters: state.parameters });
  });

  it("in another tab only the choices", () => {
    keep({ ...STATE, panes: [talked(answered("one", "first"))] });
    sessionStorage.clear();
    expect(kept().panes).toMatchObject([{ configId: "c1", turns: [] }]);
  });

  it("is bounded: the oldest turns go first", () => {
    const long = "x".repeat(900_000);
    keep({ ...STATE, panes: [talked(answered("one", long), answered("two", long), answered("three", long))] });
    expect(kept().panes[0]?.turns.map(({ prompt }) => prompt)).toEqual(["two", "three"]);
  });

  it("survives what somebody else has written there", () => {
    sessionStorage.setItem("headrace.talk", "{");
    localStorage.setItem("headrace.choices", "null");
    expect(kept()).toEqual({ panes: [], draft: "", parameters: NO_PARAMETERS });
  });
});
