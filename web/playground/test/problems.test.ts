import { describe, expect, it } from "vitest";

import { PROBLEMS, problemTitle, said, settingLine } from "../src/problems";

describe("what can go wrong", () => {
  it.each(Object.entries(PROBLEMS))("%s has a title, a meaning and one action in both languages", (_, { en, zh, action }) => {
    for (const [title, meaning] of [en, zh]) {
      expect(title.length).toBeGreaterThan(3);
      expect(meaning.length).toBeGreaterThan(8);
    }
    expect(zh.join("")).toMatch(/[\u4e00-\u9fff]/);
    expect(en.join("")).not.toMatch(/[\u4e00-\u9fff]/);
    expect(action).not.toBe("");
  });

  it("has words for a code that is not known yet", () => {
    expect(problemTitle("http_502", "en")).not.toBe("");
    expect(said("constructor_of_nothing").action).toBe("retry");
  });
});

describe("the line that allows an address", () => {
  it.each([
    ["127.0.0.1 is loopback. The line that allows it: HEADRACE_EGRESS_ALLOW=http://127.0.0.1:11434", "HEADRACE_EGRESS_ALLOW=http://127.0.0.1:11434"],
    ["… HEADRACE_EGRESS_ALLOW=http://[::1]:1,http://10.0.0.1:80", "HEADRACE_EGRESS_ALLOW=http://[::1]:1,http://10.0.0.1:80"],
    ["start the server with HEADRACE_ALLOWED_HOSTS=chat.example.com", "HEADRACE_ALLOWED_HOSTS=chat.example.com"],
    ["HEADRACE_ALLOWED_ORIGINS names the origins that may", undefined],
  ])("is found in %s", (message, line) => {
    expect(settingLine(message)).toBe(line);
  });
});
