/** Maths in every way that models write it, as the one that the page reads: `$$…$$` in a line, or on lines of their own. */

const MOST = 2000; // characters: what is longer is no formula whose end was meant
const FENCED = String.raw`(?:^|(?<=\n))[ \t]*(?<fence>${"`"}{3,}|~{3,})[^\n]*(?:\n[\s\S]*?(?:\n[ \t]*\k<fence>[^\n]*|$)|$)`;
const CODE = String.raw`(?<ticks>${"`"}+)(?!${"`"})[\s\S]*?[^${"`"}]\k<ticks>(?!${"`"})`;
const READ = String.raw`\$\$[\s\S]*?\$\$|\\[\\$]`;
const BODY = String.raw`(?:(?!\n[ \t]*\n)[\s\S]){1,${MOST}}?`;
const APART = String.raw`(?:^|(?<=\n))(?<indent>[ \t]*)\\\[(?<apart>${BODY})\\\][ \t]*(?=(?<after>[^\n]?))`;
const WITHIN = String.raw`\\\[(?<bracketed>${BODY})\\\]|\\\((?<within>${BODY})\\\)`;
const DOLLAR = String.raw`(?<![\w$])\$(?![\s$])(?<single>[^$\n]{0,${MOST}}?[^\s$\\])\$(?![\w$])`; // never a price: “$5 and $10”
const MATHS = new RegExp([FENCED, CODE, READ, APART, WITHIN, DOLLAR].join("|"), "g");

/** Code, and what a backslash has escaped, stays as it is. */
export function withDollars(text: string): string {
  if (!/\$|\\[([]/.test(text)) return text;
  return text.replace(MATHS, (whole, ...rest) => {
    const { apart, indent = "", after, bracketed, within, single } = rest.at(-1) as Partial<Record<string, string>>;
    if (apart !== undefined) return `${indent}$$\n${indent}${apart.trim()}\n${indent}$$${after ? `\n${indent}` : ""}`;
    const inLine = bracketed ?? within ?? single;
    return inLine === undefined ? whole : `$$${inLine.trim().replace(/\s*\n\s*/g, " ")}$$`;
  });
}
