/** Markdown with its maths as MathML, which browsers set by themselves: nothing is loaded for it. */

import { math, mathHtml } from "micromark-extension-math";

import { withDollars } from "../delimiters";
import { htmlOfMarkdown } from "./exporting";

const READ = math({ singleDollarTextMath: false });
const SET = mathHtml({ output: "mathml", throwOnError: false, strict: "ignore" });

/** A formula that cannot be read stays as it was written. */
export function htmlWithMaths(markdown: string): string {
  return htmlOfMarkdown(withDollars(markdown), [READ], [SET]);
}
