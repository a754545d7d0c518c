/**
 * A long text in pieces that are Markdown by themselves, so that what is written already is not read again for each
 * word that comes. A short one stays whole.
 */

const LEAST = 1500; // characters of a piece: some 10 ms to set anew
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const STARTS_ANEW = /^(#{1,6} |[^\s#>|*+\-\d`~$<[])/; // a heading or a plain paragraph: never the rest of a list or a table

/** The finished pieces of `text`; `before` are those that were found when it was shorter. */
export function seal(before: readonly string[], text: string): readonly string[] {
  let at = 0;
  for (const piece of before) {
    if (!text.startsWith(piece, at)) return seal([], text);
    at += piece.length;
  }
  const found: string[] = [];
  for (let end = boundary(text, at); end > 0; end = boundary(text, at)) {
    found.push(text.slice(at, end));
    at = end;
  }
  return found.length ? [...before, ...found] : before;
}

/** Where a piece that begins at `start` can end; 0 where it cannot yet. */
function boundary(text: string, start: number): number {
  if (text.length - start < 2 * LEAST) return 0;
  let fence = "";
  let blank = false;
  for (let at = start; at < text.length; ) {
    const next = text.indexOf("\n", at);
    if (next < 0) return 0;
    const line = text.slice(at, next);
    if (!fence && blank && at - start >= LEAST && STARTS_ANEW.test(line)) return at;
    fence = fenceAfter(fence, line);
    blank = line.trim() === "";
    at = next + 1;
  }
  return 0;
}

/** What closes the block that is open after this line: a fence of code, or of maths. */
function fenceAfter(open: string, line: string): string {
  if (line.trim() === "$$") return open === "$$" ? "" : open || "$$";
  const mark = FENCE.exec(line)?.[1] ?? "";
  if (!open) return mark;
  const closes = mark.startsWith(open) && line.trim() === mark;
  return closes ? "" : open;
}
