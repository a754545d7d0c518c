import { describe, expect, it } from "vitest";

const AREAS = import.meta.glob<{ ENGLISH: Record<string, string>; CHINESE: Record<string, string> }>("../src/words/*.ts", { eager: true });

describe("the page's words", () => {
  it("stand in one area each", () => {
    const names = Object.values(AREAS).flatMap(({ ENGLISH }) => Object.keys(ENGLISH));
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    expect(names.length).toBeGreaterThan(100);
  });

  it("are there in both languages", () => {
    for (const { ENGLISH, CHINESE } of Object.values(AREAS)) {
      expect(Object.keys(CHINESE)).toEqual(Object.keys(ENGLISH));
      expect(Object.values({ ...ENGLISH, ...CHINESE }).filter((word) => !word.trim())).toEqual([]);
    }
  });
});
