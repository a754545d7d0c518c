/** The events of the wire (docs/protocol.md), as they are sent, and their reading. */

import { HeadraceError } from "./errors.js";

export interface ContentEvent {
  type: "content";
  content: string;
}

/** `<think>` opens a run of reasoning, `</think>` closes it; anything else is a piece of it. */
export interface ReasoningEvent {
  type: "reasoning";
  content: string;
}

/** A piece of one call: the argument text comes as deltas. */
export interface ToolCallEvent {
  type: "tool_call";
  index: number;
  id: string;
  name: string;
  arguments: string;
}

/** A source that the answer rests on. What the provider did not tell is absent. */
export interface CitationEvent {
  type: "citation";
  url?: string;
  title?: string;
  /** The passage of the answer that it supports, from character `start` to before `end`. */
  text?: string;
  quote?: string;
  start?: number;
  end?: number;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  cachedTokens: number;
  source: "reported" | "estimated";
}

export interface Timing {
  ttftMs: number | null;
  durationMs: number | null;
  tokensPerSecond: number | null;
}

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "cancelled" | "error";

export interface Answerer {
  configId: string;
  provider: string;
  model: string;
}

/** The one end, before `[DONE]`. */
export interface FinishEvent {
  type: "finish";
  reason: FinishReason;
  providerReason: string;
  usage: Usage | null;
  timing: Timing | null;
  cost?: number;
  attempts: number;
  /** With `includeDigest`: what proves that everything arrived. */
  digest?: { events: number; contentSha256: string; reasoningSha256: string };
  /** Where fallbacks were asked: who answered, and who failed before. */
  answeredBy?: Answerer;
  fallbacks?: (Answerer & { code: string })[];
}

/** What went wrong with the answer. It is part of the stream, and is never thrown. */
export interface ErrorEvent {
  type?: undefined;
  error: string;
  code: string;
  status?: number;
  retryable?: boolean;
  retryAfter?: number;
}

export type StreamEvent = ContentEvent | ReasoningEvent | ToolCallEvent | CitationEvent | FinishEvent | ErrorEvent;

export const DONE = "[DONE]";
export const THINK_OPENS = "<think>";
export const THINK_CLOSES = "</think>";

const TYPES: ReadonlySet<unknown> = new Set(["content", "reasoning", "tool_call", "citation", "finish"]);

/** The event in one line of data; undefined for a kind that this version does not know, which is passed over. */
export function parseEvent(data: string): StreamEvent | undefined {
  const value = parsed(data);
  if (typeof value !== "object" || value === null) return undefined;
  if ("error" in value && typeof value.error === "string") return { code: "internal", ...value } as ErrorEvent;
  return "type" in value && TYPES.has(value.type) ? (value as StreamEvent) : undefined;
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new HeadraceError("bad_event", `The server sent an event that is no JSON: ${data.slice(0, 80)}`, { cause });
  }
}
