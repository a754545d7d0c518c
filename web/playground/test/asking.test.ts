import { describe, expect, it } from "vitest";

import { groupsOf, offered } from "../src/choosing";
import { isComposing, sends } from "../src/keys";
import { fillingIn, linkOf } from "../src/links";
import { NO_PARAMETERS, chosenOf, differing, parametersIn, sentOf, stopsOf } from "../src/parameters";
import { questionsOf, recalled } from "../src/recall";
import type { ModelConfig, Provider } from "../src/api";

const KEY = { key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };

describe("Enter", () => {
  it("sends, or breaks the line with Shift; or the other way round", () => {
    expect([sends(KEY, true), sends({ ...KEY, shiftKey: true }, true)]).toEqual([true, false]);
    expect([sends(KEY, false), sends({ ...KEY, shiftKey: true }, false)]).toEqual([false, true]);
    for (const way of [true, false]) expect([sends({ ...KEY, ctrlKey: true }, way), sends({ ...KEY, metaKey: true }, way), sends({ ...KEY, key: "a" }, way)]).toEqual([true, true, false]);
  });

  it("is an input method's own while it composes, as either browser tells", () => {
    expect(isComposing({ isComposing: true, keyCode: 229 })).toBe(true); // Chrome: before its compositionend
    expect(isComposing({ isComposing: false, keyCode: 229 })).toBe(true); // Safari: after it
    expect(isComposing({ isComposing: false, keyCode: 13 })).toBe(false);
  });
});

describe("questions brought back", () => {
  const asked = ["one", "two", "three"];
  it("go back and forth", () => {
    expect(recalled(asked, "", -1)).toBe("three");
    expect(recalled(asked, "three", -1)).toBe("two");
    expect(recalled(asked, "one", -1)).toBeUndefined();
    expect(recalled(asked, "two", 1)).toBe("three");
    expect(recalled(asked, "three", 1)).toBe("");
    expect(recalled(asked, "", 1)).toBeUndefined();
  });

  it("leave alone what is being written", () => {
    expect(recalled(asked, "thre", -1)).toBeUndefined();
    expect(recalled([], "", -1)).toBeUndefined();
  });

  it("are the people's own, each once", () => {
    const turns = [{ prompt: "b", asked: 2 }, { prompt: "a", asked: 1 }, { prompt: "Continue", asked: 3, continues: true }, { prompt: "a", asked: 4 }, { prompt: "", asked: 5 }];
    expect(questionsOf(turns)).toEqual(["b", "a"]);
  });
});

describe("parameters", () => {
  it("send nothing of the model's defaults", () => {
    expect(sentOf(NO_PARAMETERS)).toEqual({ temperature: null, maxTokens: null });
    expect(chosenOf(NO_PARAMETERS)).toEqual([]);
  });

  it("send what was chosen, zeros too", () => {
    const chosen = { ...NO_PARAMETERS, temperature: 0, topK: 40, seed: 0, stopAt: "END\n\\n\\n\n\\\\n", reasoningEffort: "low" };
    expect(sentOf(chosen)).toEqual({ temperature: 0, maxTokens: null, topK: 40, seed: 0, stop: ["END", "\n\n", "\\n"], reasoningEffort: "low" });
    expect(chosenOf(chosen)).toEqual(["temperature", "topK", "seed", "stopAt", "reasoningEffort"]);
    expect(differing(chosen, { ...chosen, seed: 1 })).toEqual(["seed"]);
  });

  it("stop at 16 texts at most", () => {
    expect(stopsOf("x\n".repeat(40))).toHaveLength(16);
    expect(stopsOf("\n\n")).toEqual([]);
  });

  it("out of anything are within their bounds", () => {
    expect(parametersIn({ temperature: 3, topP: "1", maxTokens: 1.5, seed: -1, system: 5, topK: Infinity, stopAt: null })).toEqual(NO_PARAMETERS);
    expect(parametersIn(null)).toEqual(NO_PARAMETERS);
    expect(parametersIn({ temperature: 2, maxTokens: 1, system: "x" })).toEqual({ ...NO_PARAMETERS, temperature: 2, maxTokens: 1, system: "x" });
  });
});

describe("a link", () => {
  it("comes back as it went", () => {
    const filling = { prompt: "Say {{what}} & more #1\n你好", parameters: { ...NO_PARAMETERS, system: "Be brief.", temperature: 0.2, stopAt: "a\nb" }, panes: [{ configId: "id", name: "Model one" }, { configId: "id", name: "Model one" }] };
    const link = new URL(linkOf(filling, "http://127.0.0.1:8000"));
    expect(link.pathname + link.search).toBe("/");
    expect(fillingIn(link.hash)).toEqual({ ...filling, panes: filling.panes.map(({ name }) => ({ configId: name, name })) });
  });

  it("that asks for nothing is none, and what is out of bounds is left out", () => {
    for (const hash of ["", "#", "#top", "#/statistics?model=m", "#temperature=9&seed=x", "#prompt="]) expect(fillingIn(hash)).toBeUndefined();
    expect(fillingIn(`#prompt=${"x".repeat(200_000)}&${"model=a&".repeat(9)}`)).toMatchObject({ prompt: "x".repeat(100_000), panes: Array(4).fill({ configId: "a" }) });
  });
});

describe("models to choose from", () => {
  const models = Array.from({ length: 300 }, (_, at): ModelConfig => ({ configId: String(at), name: `Name ${at}`, providerId: at % 2 ? "openai" : "mistral", modelId: `model-${at}`, endpoint: "", hasKey: true }));
  const providers = [{ providerId: "mistral", title: "Mistral AI" }] as Provider[];

  it("stand by provider", () => {
    expect(groupsOf(models, providers).map(({ title, models: found }) => [title, found.length])).toEqual([["Mistral AI", 150], ["openai", 150]]);
  });

  it("are no demonstrations where nobody wants them, unless there are no others", () => {
    const demo: ModelConfig = { configId: "d", name: "Local model", providerId: "local", modelId: "small", endpoint: "", hasKey: false };
    const real = models.slice(0, 2);
    expect(offered({ models: [demo, ...real], demosHidden: true })).toEqual(real);
    expect(offered({ models: [demo, ...real], demosHidden: false })).toEqual([demo, ...real]);
    expect(offered({ models: [demo], demosHidden: true })).toEqual([demo]);
    expect(offered({ models: undefined, demosHidden: true })).toEqual([]);
  });

  it("are found by every word, in name, model or provider", () => {
    const found = (search: string): string[] => groupsOf(models, providers, search).flatMap((group) => group.models.map(({ configId }) => configId));
    expect(found("MISTRAL 298")).toEqual(["298"]);
    expect(found("model-17 openai")).toEqual(["17", "171", "173", "175", "177", "179"]);
    expect(found("nothing of this name")).toEqual([]);
  });
});
