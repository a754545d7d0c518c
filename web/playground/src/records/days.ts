/** A list by date: pinned first, then today, yesterday, the last seven and thirty days, and months. */

export interface Dated {
  asked: number;
  pinned: boolean;
}

export type Period = "pinned" | "today" | "yesterday" | "sevenDays" | "thirtyDays";

/** `period` is a key of the page's words, or a month as `2026-03`. */
export interface Group<T> {
  period: Period | `${number}-${string}`;
  items: readonly T[];
}

/** Newest first. Days are the reader's own: they end at midnight here. */
export function byDate<T extends Dated>(items: readonly T[], now = Date.now()): Group<T>[] {
  const groups = new Map<Group<T>["period"], T[]>();
  const order = (a: T, b: T): number => Number(b.pinned) - Number(a.pinned) || b.asked - a.asked;
  for (const item of items.toSorted(order)) {
    const period = item.pinned ? "pinned" : periodOf(item.asked, now);
    groups.set(period, [...(groups.get(period) ?? []), item]);
  }
  return [...groups].map(([period, found]) => ({ period, items: found }));
}

function periodOf(asked: number, now: number): Group<Dated>["period"] {
  if (asked >= midnight(now, 0)) return "today";
  if (asked >= midnight(now, 1)) return "yesterday";
  if (asked >= midnight(now, 7)) return "sevenDays";
  if (asked >= midnight(now, 30)) return "thirtyDays";
  const date = new Date(asked);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}`;
}

/** The start of the day so many days ago: calendar days, whatever the clock's changes. */
function midnight(now: number, daysAgo: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - daysAgo).getTime();
}
