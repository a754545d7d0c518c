/** Bounds how deep a text is set. What is nested deeper is shown as it was written: it would hold the page, or end it. */

interface Node {
  type: string;
  children?: Node[];
}

const DEEPEST = 250; // elements in each other: a tab ends at some thousands; an answer has a dozen, a formula a hundred
const INDENTED = /^(?:[ \t>]|[*+-][ \t]|\d{1,9}[.)][ \t]){200}/m; // a hundred lists or quotes in each other: reading one takes a third of a second, for each word that comes

/** Whether reading this text alone would take too long. */
export function isDeep(text: string): boolean {
  return INDENTED.test(text);
}

/** A plugin for what was read: throws where too many elements are in each other. */
export function shallow(): (tree: Node) => void {
  return (tree) => {
    let level: Node[] = [tree];
    for (let depth = 0; level.length; depth += 1) {
      if (depth > DEEPEST) throw new Error("nested too deep to be set");
      level = level.flatMap(({ children }) => children ?? []);
    }
  };
}
