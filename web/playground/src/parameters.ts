/** What a question is asked with. Each starts as the model's own default, of which nothing is sent. */

import type { ChatRequest } from "@headrace/client";

/** null: the model's own default. */
export interface Parameters {
  system: string;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  maxTokens: number | null;
  seed: number | null;
  /** As it is written in its field: one a line, line ends and tabs as `\n` and `\t`. */
  stopAt: string | null;
  reasoningEffort: string | null;
}

export const NO_PARAMETERS: Parameters = {
  system: "", temperature: null, topP: null, topK: null, maxTokens: null, seed: null, stopAt: null, reasoningEffort: null,
};

export const NAMES = Object.keys(NO_PARAMETERS) as (keyof Parameters)[];

interface Range {
  least: number;
  most: number;
  step: number;
}

/** What the server takes (`request_types`), and how far an arrow key goes. */
export const RANGES = {
  temperature: { least: 0, most: 2, step: 0.1 },
  topP: { least: 0, most: 1, step: 0.05 },
  topK: { least: 1, most: 1_000_000, step: 1 },
  maxTokens: { least: 1, most: 10_000_000, step: 1 },
  seed: { least: 0, most: 2 ** 31 - 1, step: 1 },
} satisfies Partial<Record<keyof Parameters, Range>>;

export const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh"];
export const MOST_STOPS = 16; // more than any provider takes
export const MOST_TEXT = 100_000; // characters of a system prompt

/** The names of the parameters that are not the model's default. */
export function chosenOf(parameters: Parameters): (keyof Parameters)[] {
  return NAMES.filter((name) => parameters[name] !== NO_PARAMETERS[name]);
}

/** Those in which two differ. */
export function differing(one: Parameters, other: Parameters): (keyof Parameters)[] {
  return NAMES.filter((name) => one[name] !== other[name]);
}

/** A request's fields. `null` is said for the two that the server has defaults of its own for. */
export function sentOf({ system: _, temperature, maxTokens, stopAt, ...rest }: Parameters): Omit<ChatRequest, "messages" | "model"> {
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined));
  const stops = stopsOf(stopAt ?? "");
  return { temperature, maxTokens, ...given, ...(stops.length ? { stop: stops } : {}) };
}

const WRITTEN = { "\\n": "\n", "\\t": "\t", "\\\\": "\\" } as const;

export function stopsOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "").slice(0, MOST_STOPS);
  return lines.map((line) => line.replace(/\\[nt\\]/g, (found) => WRITTEN[found as keyof typeof WRITTEN]));
}

/** What is wrong with a number: `undefined` where it may be sent. */
export function outside(name: keyof typeof RANGES, value: number): boolean {
  const { least, most, step } = RANGES[name];
  return !Number.isFinite(value) || value < least || value > most || (step === 1 && !Number.isInteger(value));
}

/** Parameters out of anything: what is none, or out of its bounds, is the model's default. */
export function parametersIn(value: unknown): Parameters {
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const text = (name: string, most: number): string | null => (typeof given[name] === "string" && given[name] ? given[name].slice(0, most) : null);
  const number = (name: keyof typeof RANGES): number | null => (typeof given[name] === "number" && !outside(name, given[name]) ? given[name] : null);
  return {
    system: text("system", MOST_TEXT) ?? "",
    temperature: number("temperature"),
    topP: number("topP"),
    topK: number("topK"),
    maxTokens: number("maxTokens"),
    seed: number("seed"),
    stopAt: text("stopAt", 1000),
    reasoningEffort: text("reasoningEffort", 20),
  };
}
