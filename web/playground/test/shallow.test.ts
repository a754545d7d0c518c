import { describe, expect, it } from "vitest";

import { htmlOfMarkdown } from "../src/records/exporting";
import { isDeep, shallow } from "../src/shallow";

interface Node {
  type: string;
  children?: Node[];
}

const lists = (depth: number): string => Array.from({ length: depth }, (_, at) => `${"  ".repeat(at)}- x`).join("\n");

describe("a text that is nested without end", () => {
  it.each([lists(300), "> ".repeat(300) + "x", "- ".repeat(300) + "x", "1. ".repeat(300) + "x", `so:\n\n${"> - ".repeat(100)}x`])("is known before it is read: %.30s…", (text) => {
    expect(isDeep(text)).toBe(true);
    expect(htmlOfMarkdown(text)).toMatch(/^<pre>/);
  });

  it.each([lists(20), `${"-".repeat(500)}\n`, "* * *", `| ${"-".repeat(300)} |`, "a ".repeat(500), `${" ".repeat(120)}x`])("is not what people write: %.30s…", (text) => {
    expect(isDeep(text)).toBe(false);
  });

  it("is looked for in no time", () => {
    const began = performance.now();
    isDeep(`${"> ".repeat(99)}x\n`.repeat(5000) + "\n1".repeat(50_000));
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it.each([
    [200, false],
    [300, true],
    [50_000, true],
  ])("is not set: %i elements in each other", (depth, refused) => {
    let tree: Node = { type: "text" };
    for (let at = 0; at < depth; at += 1) tree = { type: "element", children: [{ type: "text" }, tree] };
    const check = (): void => shallow()(tree);
    if (refused) expect(check).toThrow("too deep");
    else expect(check).not.toThrow();
  });
});
