/** A whole answer, gathered from its events. Values are never changed in place: each batch makes a new answer. */

import { THINK_CLOSES, THINK_OPENS, type CitationEvent, type ErrorEvent, type FinishEvent, type StreamEvent } from "./events.js";

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

export interface Answer {
  content: string;
  reasoning: string;
  /** A run of reasoning is open. */
  thinking: boolean;
  toolCalls: readonly ToolCall[];
  citations: readonly CitationEvent[];
  finish: FinishEvent | undefined;
  failure: ErrorEvent | undefined;
}

export const NO_ANSWER: Answer = {
  content: "",
  reasoning: "",
  thinking: false,
  toolCalls: [],
  citations: [],
  finish: undefined,
  failure: undefined,
};

const MOST_CALLS = 1024; // an index beyond this is a fault, not a call

export function gather(answer: Answer, events: Iterable<StreamEvent>): Answer {
  const next = { ...answer };
  for (const event of events) add(next, event);
  return next;
}

function add(answer: Answer, event: StreamEvent): void {
  switch (event.type) {
    case "content":
      answer.content += event.content;
      return;
    case "reasoning":
      if (event.content === THINK_OPENS || event.content === THINK_CLOSES) answer.thinking = event.content === THINK_OPENS;
      else answer.reasoning += event.content;
      return;
    case "tool_call":
      if (event.index < MOST_CALLS) answer.toolCalls = withCall(answer.toolCalls, event);
      return;
    case "citation":
      answer.citations = [...answer.citations, event];
      return;
    case "finish":
      answer.finish = event;
      answer.thinking = false;
      return;
    case undefined:
      answer.failure = event;
      answer.thinking = false;
  }
}

function withCall(calls: readonly ToolCall[], delta: ToolCall & { index: number }): ToolCall[] {
  const next = calls.slice();
  while (next.length <= delta.index) next.push({ id: "", name: "", arguments: "" });
  const call = next[delta.index] as ToolCall;
  next[delta.index] = {
    id: call.id || delta.id,
    name: call.name || delta.name,
    arguments: call.arguments + delta.arguments,
  };
  return next;
}
