/** Whether streams reach this browser as they are sent: timed events read here, and judged by the server. */

import { ask } from "./api";
import type { Language } from "./words";

export interface Finding {
  level: "good" | "note" | "bad";
  code: string;
  text: string;
  /** The configuration that mends it; empty where there is none. */
  line: string;
}

export interface Judgement {
  good: boolean;
  verdict: string;
  findings: readonly Finding[];
}

interface Tick {
  sent: number;
  arrived: number;
}

const LONGEST_NAME = 200; // characters that the server reads of a server's own name

/** Judged in this language. Two at once, so that a worker that serves one at a time is found out. */
export async function examined(language: Language, signal: AbortSignal): Promise<Judgement> {
  const heard = await Promise.allSettled([listen(signal), listen(signal)]);
  signal.throwIfAborted();
  const streams = heard.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  return ask("/doctor/", { method: "POST", body: JSON.stringify({ streams, secure: location.protocol === "https:", language }), signal });
}

async function listen(signal: AbortSignal): Promise<object> {
  const began = performance.now();
  const now = (): number => (performance.now() - began) / 1000;
  const { body, headers } = await fetch("/api/doctor/stream/", { cache: "no-store", signal });
  if (!body) throw new TypeError("an answer without a body");
  const head = (name: string): string => headers.get(name) ?? "";
  const server = `${head("server")} ${head("via")}`.trim().slice(0, LONGEST_NAME);
  const seen = { about: {}, ticks: [] as Tick[], headAt: now(), complete: false, asked: "gzip", coding: head("content-encoding"), server };
  for await (const data of events(body)) {
    if (data === "[DONE]") seen.complete = true;
    else take(seen, data, now());
  }
  return { ...seen, endedAt: now() };
}

function take(seen: { about: object; ticks: Tick[] }, data: string, arrived: number): void {
  const { type, ...event } = JSON.parse(data) as { type: string; sent: number };
  if (type === "about") seen.about = event;
  else seen.ticks.push({ sent: event.sent, arrived });
}

async function* events(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (text + part.value).split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) if (block.startsWith("data: ")) yield block.slice("data: ".length);
  }
}
