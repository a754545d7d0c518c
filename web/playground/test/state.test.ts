// @vitest-environment jsdom
import { NO_ANSWER } from "@headrace/client";
import { beforeEach, describe, expect, it } from "vitest";

import { NO_PARAMETERS } from "../src/parameters";
import { keep, kept, newPane, newTurn, requestOf, type Pane, type State, type Turn } from "../src/state";

function answered(prompt: string, content: string): Turn {
  return { ...newTurn(prompt), phase: "closed", answer: { ...NO_ANSWER, content } };
}

function talked(...turns: Turn[]): Pane {
  return { ...newPane("c1"), turns };
}

const STATE: State = { project: "default", conversation: "c", aside: [], enterSends: true, demosHidden: false, models: [], providers: [], found: [], problem: undefined, panes: [], parameters: NO_PARAMETERS, usual: undefined, draft: "", attached: [], refused: undefined, undo: undefined, filled: undefined, blind: false };

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe("what a pane asks", () => {
  it("is its own history, with the system prompt before it", () => {
    const last = { ...newTurn("three"), configId: "c1", parameters: { ...NO_PARAMETERS, system: "Be brief.", topP: 0.5 } };
    expect(requestOf([answered("one", "first"), answered("two", ""), last])).toEqual({
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
      topP: 0.5,
    });
  });

  it("has text files as named blocks, and pictures as parts", () => {
    const text = { id: "1", name: "a.md", kind: "text", data: "```\nx\n```" } as const;
    const picture = { id: "2", name: "b.png", kind: "image", data: "data:image/png;base64,AA" } as const;
    const { messages } = requestOf([newTurn("what?", [text, picture])]);
    expect(messages[0]?.content).toEqual([
      { type: "text", text: "a.md:\n````\n```\nx\n```\n````\n\nwhat?" },
      { type: "image_url", image_url: { url: picture.data } },
    ]);
  });
});

describe("what outlives a reload", () => {
  it("is the talk, the draft and the choices", () => {
    const state = { ...STATE, panes: [talked(answered("one", "first"))], draft: "half a", parameters: { ...NO_PARAMETERS, temperature: 0 } };
    keep(state);
    expect(kept()).toEqual({ panes: state.panes, draft: "half a", parameters: state.parameters, attached: [], blind: false, enterSends: true, demosHidden: false, conversation: "c", usual: undefined });
  });

  it("in another tab only the choices", () => {
    keep({ ...STATE, panes: [talked(answered("one", "first"))] });
    sessionStorage.clear();
    expect(kept().panes).toMatchObject([{ configId: "c1", turns: [] }]);
  });

  it("keeps what a link brought to this tab: new conversations start as usual", () => {
    const [brought, usual] = [{ ...NO_PARAMETERS, system: "By a link" }, { ...NO_PARAMETERS, topK: 3 }];
    keep({ ...STATE, parameters: brought, usual });
    expect(kept()).toMatchObject({ parameters: brought, usual });
    sessionStorage.clear();
    expect(kept()).toMatchObject({ parameters: usual, usual: undefined });
  });

  it("is every file once, whichever panes have it", () => {
    const file = { id: "f", name: "a.txt", kind: "text", data: "some text" } as const;
    const turn = { ...answered("one", "first"), files: [file] };
    keep({ ...STATE, panes: [talked(turn), talked(turn)] });
    expect(kept().panes.map(({ turns }) => turns[0]?.files)).toEqual([[file], [file]]);
    expect(JSON.stringify({ ...sessionStorage }).split("some text")).toHaveLength(2);
  });

  it("is bounded: the oldest turns go first", () => {
    const long = "x".repeat(900_000);
    keep({ ...STATE, panes: [talked(answered("one", long), answered("two", long), answered("three", long))] });
    expect(kept().panes[0]?.turns.map(({ prompt }) => prompt)).toEqual(["two", "three"]);
  });

  it("survives what somebody else has written there", () => {
    sessionStorage.setItem("headrace.talk", "{");
    localStorage.setItem("headrace.choices", "null");
    expect(kept()).toEqual({ panes: [], draft: "", parameters: NO_PARAMETERS, attached: [], blind: false, enterSends: true, demosHidden: false, conversation: expect.any(String), usual: undefined });
  });
});
