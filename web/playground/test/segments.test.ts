import { describe, expect, it } from "vitest";

import { seal } from "../src/segments";

const PARAGRAPH = `${"word ".repeat(60)}\n\n`;

function grown(text: string, step: number): readonly string[] {
  let pieces: readonly string[] = [];
  for (let at = step; at < text.length; at += step) pieces = seal(pieces, text.slice(0, at));
  return seal(pieces, text);
}

describe("the pieces of a long text", () => {
  it("are its beginning to the letter, however it comes", () => {
    const text = PARAGRAPH.repeat(60);
    for (const step of [7, 501, text.length]) {
      const pieces = grown(text, step);
      expect(pieces.length).toBeGreaterThan(3);
      expect(text.startsWith(pieces.join(""))).toBe(true);
      expect(pieces.every((piece) => piece.endsWith("\n\n"))).toBe(true);
    }
  });

  it("of a short one are none", () => {
    expect(seal([], PARAGRAPH)).toEqual([]);
  });

  it.each([
    ["code", `\`\`\`\`py\n${`x = 1\n\`\`\`\n\ny\n`.repeat(900)}`],
    ["maths", `$$\n${"a = b\n\nc\n".repeat(900)}`],
    ["a list", "- one\n\n- two\n\n  more\n\n1. three\n\n".repeat(300)],
  ])("never end within %s", (_, block) => {
    expect(seal([], PARAGRAPH + block)).toEqual([]);
  });

  it("begin anew with another text", () => {
    const pieces = seal([], PARAGRAPH.repeat(60));
    expect(seal(pieces, "short")).toEqual([]);
  });
});
