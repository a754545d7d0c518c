/** How the statistics say numbers, in the reader's language. */

import type { Language } from "../words";

export function whole(value: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(value);
}

export function short(value: number, language: Language): string {
  return new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** Milliseconds as people say them; rounded first, so that nothing is 1000 ms or 60 s. */
export function time(ms: number): string {
  if (ms > 0 && ms < 10) return `${ms.toFixed(1)} ms`;
  if (Math.round(ms) < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** US dollars: cents at least, and of less the two digits that matter. */
export function money(value: number): string {
  const digits = value > 0 && value < 0.1 ? Math.min(8, 1 - Math.floor(Math.log10(value))) : 2;
  return `$${value.toFixed(Math.max(2, digits))}`.replace(/(\.\d\d+?)0+$/, "$1");
}

export function speed(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0);
}

export function share(part: number, of: number): string {
  return of ? `${((part / of) * 100).toFixed(part && part / of < 0.1 ? 1 : 0)} %` : "–";
}

/** A moment, as short as its range allows. */
export function moment(ms: number, language: Language, withDay: boolean): string {
  const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Date(ms).toLocaleString(language, withDay ? { month: "short", day: "numeric", ...clock } : clock);
}
