// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from "vitest";

import { NO_PARAMETERS } from "../src/parameters";
import { addPresets, matching, presetsIn, removePreset, replacePreset, type Preset } from "../src/presets";

const preset = (name: string, change: Partial<Preset> = {}): Preset => ({ name, prompt: "Say {{what}}", parameters: NO_PARAMETERS, panes: [], ...change });

beforeEach(() => localStorage.clear());

describe("presets", () => {
  it("come back from their file as they went", () => {
    const all = [preset("a", { panes: [{ configId: "c", name: "Model" }, { configId: "c", name: "Model", parameters: { ...NO_PARAMETERS, temperature: 0 } }] }), preset("b")];
    expect(presetsIn(JSON.stringify(all))).toEqual(all);
  });

  it("of an earlier page are read too", () => {
    expect(presetsIn(JSON.stringify([{ name: "a", prompt: "x", parameters: {}, configIds: ["c1", 5, "c2"] }]))).toMatchObject([{ panes: [{ configId: "c1" }, { configId: "c2" }] }]);
  });

  it.each(["{}", "null", "[{}]", '[{"name": " "}]', "["])("are not in %s", (text) => {
    expect(() => presetsIn(text)).toThrow();
  });

  it("are found by a part of the name, its beginning first", () => {
    const all = [preset("Translate"), preset("Late night"), preset("Plan")];
    expect(matching("LATE", all).map(({ name }) => name)).toEqual(["Late night", "Translate"]);
    expect(matching("", all)).toHaveLength(3);
  });

  it("replace the one of their name", () => {
    addPresets([preset("a"), preset("b")]);
    addPresets([preset("a", { prompt: "new" })]);
    expect(presetsIn(localStorage.getItem("headrace.presets") ?? "").map(({ name, prompt }) => [name, prompt])).toEqual([["b", "Say {{what}}"], ["a", "new"]]);
  });

  it("that were deleted or replaced come back to their place, beside what has come since", () => {
    const kept = (): unknown[] => presetsIn(localStorage.getItem("headrace.presets") ?? "").map(({ name, prompt }) => `${name} ${prompt}`);
    addPresets([preset("a"), preset("b"), preset("c")].map((each) => ({ ...each, prompt: "old" })));
    const before = kept();
    const restore = removePreset("b");
    expect(kept()).not.toContain("b old");
    restore();
    expect(kept()).toEqual(before);
    const takeBack = replacePreset(preset("a", { prompt: "new" }));
    expect(kept()).toContain("a new");
    addPresets([preset("d", { prompt: "old" })]);
    takeBack();
    expect(kept()).toEqual([...before, "d old"]);
  });
});
