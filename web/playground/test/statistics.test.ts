import { describe, expect, it } from "vitest";

import { money, share, time } from "../src/statistics/numbers";
import { outcomeColours } from "../src/statistics/palette";
import { csvOf } from "../src/statistics/csv";
import { RANGES, beside, closer, spanOf } from "../src/statistics/range";
import { bandsOf, callerRows, layersOf, linesOf, modelRows, stacked } from "../src/statistics/series";

const NOW = Date.UTC(2026, 2, 15, 12, 34, 56);
const HOUR = 3_600_000;
const SUMS = { streams: 2, failed: 1, attempts: 5, inputTokens: 3, outputTokens: 4, cost: 0, priced: 0 };
const SPREAD = { count: 3, p10: 1, p25: 2, p50: 3, p75: 4, p90: 5, p95: 6 };

describe("a range", () => {
  it.each(RANGES)("%s is cut without a gap, ends now, and begins with a whole bucket", (range) => {
    const { from, to, edges } = spanOf(range, NOW);
    expect(edges[0]).toBe(from);
    expect(to).toBeGreaterThan(NOW);
    expect(to - NOW).toBeLessThanOrEqual(60_000);
    expect(edges.length).toBeLessThan(200);
    for (let at = 1; at < edges.length; at += 1) expect(edges[at]).toBeGreaterThan(edges[at - 1] ?? 0);
    expect(edges.at(-1)).toBeLessThan(to);
  });

  it("has days of the reader's own clock", () => {
    for (const edge of spanOf("30d", NOW).edges) expect(new Date(edge).getHours()).toBe(0);
  });

  it("that is over is as long as it says", () => {
    const { from, to, edges } = spanOf("1h", Date.UTC(2026, 2, 15, 15));
    expect([to - from, edges.length]).toEqual([HOUR, 60]);
  });

  it("is looked at more closely until minutes are told apart, with the bucket inside", () => {
    let [range, edge, steps] = ["30d" as Parameters<typeof closer>[0], spanOf("30d", NOW).edges[3] ?? 0, 0];
    for (let next = closer(range, edge); next; next = closer(range, edge)) {
      const span = spanOf(next.range, next.to ?? 0);
      expect(span.from).toBeLessThanOrEqual(edge);
      expect(span.to).toBeGreaterThan(edge);
      [range, edge, steps] = [next.range, span.edges.at(-1) ?? 0, steps + 1];
    }
    expect([range, steps]).toEqual(["10m", 3]);
  });

  it("has one before it and, in the past alone, one after it", () => {
    expect(beside({ range: "1h", to: NOW - 5 * HOUR }, -1, NOW)).toEqual({ range: "1h", to: NOW - 6 * HOUR });
    expect(beside({ range: "1h", to: NOW - HOUR / 2 }, 1, NOW)).toEqual({ range: "1h", to: NOW + HOUR / 2 });
    expect(beside({ range: "1h", to: NOW + HOUR / 2 }, 1, NOW)).toEqual({ range: "1h" });
  });
});

describe("columns", () => {
  const edges = [0, 60_000, 120_000];
  const at = (ms: number): string => new Date(ms).toISOString();

  it("have a hole where nothing was measured, and no zero", () => {
    const bands = bandsOf(edges, [{ ...SPREAD, at: at(60_000) }]);
    expect(bands.p50).toEqual([null, 3, null]);
    expect(bands.p90).toEqual([null, 5, null]);
    expect(bands.count).toEqual([0, 3, 0]);
  });

  it("leave out what lies before them", () => {
    expect(bandsOf(edges, [{ ...SPREAD, at: at(-1) }]).p50).toEqual([null, null, null]);
  });

  it("are layers, the largest first, the smallest together, nothing lost", () => {
    const points = ["a", "b", "c", "d"].flatMap((name, place) => [{ at: at(0), name, value: place + 1 }, { at: at(130_000), name, value: 1 }]);
    const layers = layersOf(edges, points, ({ name }) => name, ({ value }) => value, 3, "others");
    expect(layers.map(({ name }) => name)).toEqual(["d", "c", "others"]);
    expect(layers.reduce((sum, { total }) => sum + total, 0)).toBe(14);
    expect(stacked(layers).at(-1)).toEqual([10, 0, 4]);
  });

  it("join a model's figures by provider and name", () => {
    const [row] = modelRows([{ ...SUMS, provider: "a", model: "m" }], [{ ...SPREAD, provider: "b", model: "m" }], [{ ...SPREAD, provider: "a", model: "m" }]);
    expect(row).toMatchObject({ tokens: 7, failed: 1, retries: 3, ttft: undefined, speed: { p50: 3 } });
  });

  it("name who spends most first, and nobody where nobody signs in", () => {
    const sums = [{ ...SUMS, caller: "1", name: "ada", cost: 1 }, { ...SUMS, caller: "token:x", name: "", cost: 2 }];
    expect(callerRows(sums, [{ ...SPREAD, caller: "1" }]).map(({ name, program, ttft }) => [name, program, ttft?.p50])).toEqual([["token:x", true, undefined], ["ada", false, 3]]);
    expect(callerRows([{ ...SUMS, caller: "" }], [])).toEqual([]);
  });

  it("are a line for each of the models that are asked most", () => {
    const points = [["a", 1], ["b", 5], ["c", 3]].map(([model, count]) => ({ ...SPREAD, at: at(60_000), provider: "p", model: String(model), count: Number(count) }));
    expect(linesOf(edges, points, 2)).toEqual([{ name: "b", values: [null, 3, null] }, { name: "c", values: [null, 3, null] }]);
  });
});

describe("numbers", () => {
  it.each([[0, "0 ms"], [3.21, "3.2 ms"], [850, "850 ms"], [999.7, "1.0 s"], [9960, "10 s"], [61_000, "1 min 1 s"], [119_800, "2 min 0 s"]])("%d ms are %s", (ms, said) => expect(time(ms)).toBe(said));
  it.each([[0, "$0.00"], [0.00123, "$0.0012"], [0.05, "$0.05"], [0.1, "$0.10"], [0.0123, "$0.012"], [12.345, "$12.35"]])("%d dollars are %s", (value, said) => expect(money(value)).toBe(said));
  it("have no share of nothing", () => expect([share(0, 0), share(1, 1000), share(1, 2)]).toEqual(["–", "0.1 %", "50 %"]));
});

it("a file has what is shown, and nothing that a spreadsheet would run", () => {
  expect(csvOf(["a", "b"], [["x,\"y\"", 0.5], ["=1+1", null], ["-m", -1]])).toBe('\uFEFFa,b\r\n"x,""y""",0.5\r\n\'=1+1,\r\n\'-m,-1\r\n');
});

it("failures have colours of their own", () => {
  const colours = outcomeColours(["stop", "upstream_auth", "upstream_reset", "cancelled"], "light");
  expect(new Set(colours).size).toBe(4);
});
