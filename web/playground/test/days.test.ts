import { describe, expect, it } from "vitest";

import { byDate } from "../src/records/days";

const NOW = new Date(2026, 2, 30, 15, 0).getTime(); // the day after clocks change in much of Europe
const at = (month: number, day: number, hour = 12): { asked: number; pinned: boolean } => ({ asked: new Date(2026, month - 1, day, hour).getTime(), pinned: false });

describe("a list by date", () => {
  it("has calendar days, newest first", () => {
    const items = [at(1, 5), at(3, 30, 0), at(3, 29, 23), at(3, 29, 0), at(3, 28, 23), at(3, 23, 0), at(3, 22, 23), at(2, 28, 0), at(2, 27, 23)];
    expect(byDate(items, NOW).map(({ period, items: found }) => [period, found.length])).toEqual([
      ["today", 1], ["yesterday", 2], ["sevenDays", 2], ["thirtyDays", 2], ["2026-02", 1], ["2026-01", 1],
    ]);
  });

  it("has what is pinned first, whenever it was", () => {
    const pinned = { ...at(1, 5), pinned: true };
    expect(byDate([at(3, 30), pinned], NOW)[0]).toEqual({ period: "pinned", items: [pinned] });
  });

  it("loses nothing", () => {
    const items = Array.from({ length: 400 }, (_, days) => ({ asked: NOW - days * 3_600_000 * 11, pinned: days % 7 === 0 }));
    const listed = byDate(items, NOW).flatMap(({ items: found }) => found);
    expect(new Set(listed)).toEqual(new Set(items));
    expect(listed).toHaveLength(items.length);
  });
});
