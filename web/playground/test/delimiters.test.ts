import { describe, expect, it } from "vitest";

import { withDollars } from "../src/delimiters";

describe("maths", () => {
  it.each([
    ["Einstein: \\(E = mc^2\\).", "Einstein: $$E = mc^2$$."],
    ["公式$x^2$成立", "公式$$x^2$$成立"],
    ["\\[\na = b\n\\]", "$$\na = b\n$$"],
    ["1. So:\n   \\[ a \\]\n   then", "1. So:\n   $$\n   a\n   $$\n   then"],
    ["\\[ a \\] and", "$$\na\n$$\nand"],
    ["hence \\[a =\n b\\] holds", "hence $$a = b$$ holds"],
  ])("is read in %j", (text, expected) => {
    expect(withDollars(text)).toBe(expected);
  });

  it.each([
    "It costs $5 and $10.",
    "From $5-$10, or US$7/A$9.",
    "`\\(x\\)` and ``a ` \\[b\\]``",
    "```sh\necho $HOME and $USER$\n\\[ x \\]\n```",
    "~~~\n\\(still open",
    "$$\na \\(b\\)\n$$",
    "a \\\\(b\\\\) and \\$c\\$",
    "\\(one\n\ntwo\\)",
    "\\(not yet",
    "[a](b) (c)",
  ])("is not in %j", (text) => {
    expect(withDollars(text)).toBe(text);
  });

  it("is looked for quickly, however the text goes on", () => {
    const began = performance.now();
    for (const part of ["$a ", "\\(a ", "\\[", "` ", "`` ` ", "$$ "]) withDollars(part.repeat(3000));
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
