/** What is shown as a file for spreadsheets (RFC 4180), with its numbers as they are. */

import { download } from "../download";

type Cell = string | number | null | undefined;

const FORMULA = /^[=+\-@\t\r]/; // a spreadsheet runs what begins so, and the names of models are written by others
const MARK = "\uFEFF"; // without it some spreadsheets take UTF-8 for something else

export function csvOf(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return MARK + [header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

export function saveCsv(name: string, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  download(`headrace-${name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.csv`, csvOf(header, rows));
}

function cell(value: Cell): string {
  if (typeof value !== "string") return value === null || value === undefined ? "" : String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
