/** What went over the wire of one answer: upstream's frames beside our events, and the two files of a fixture. */

import type { Answer } from "@headrace/client";

/** As the server tells it (docs/protocol.md). Times are milliseconds since the stream's start. */
export interface Wire {
  streamId: string;
  /** It was longer than what is kept. */
  cut: boolean;
  attempts: readonly Attempt[];
  /** When which of our events were shown, by number. */
  events: readonly { atMs: number; first: number; last: number }[];
}

export interface Attempt {
  atMs: number;
  request: { method: string; url: string; headers: Readonly<Record<string, string>>; body: string };
  response: { atMs: number; status: number; headers: Readonly<Record<string, string>> } | null;
  frames: readonly Frame[];
  error: { code: string; message: string } | null;
}

/** Text, or for binary framings base64. */
export interface Frame {
  atMs: number;
  text?: string;
  base64?: string;
}

/** What arrived together, and the events that were shown before more came. */
export interface Row {
  atMs: number;
  frame: string;
  events: readonly string[];
}

/** The data of each event by its number, from a stream's text with ids. */
export function eventsOf(text: string): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  for (const block of text.split("\n\n")) {
    const id = /^id: (\d+)$/m.exec(block)?.[1];
    const data = /^data: (.*)$/m.exec(block)?.[1];
    if (id && data !== undefined) found.set(Number(id), data);
  }
  return found;
}

/** The rows of one attempt: those of its frames, and of what was shown until the next attempt. */
export function rowsOf(wire: Wire, at: number, data: ReadonlyMap<number, string>): readonly Row[] {
  const attempt = wire.attempts[at];
  if (!attempt) return [];
  const until = wire.attempts[at + 1]?.atMs ?? Infinity;
  const rows: { atMs: number; frame: string; events: string[] }[] = [];
  for (const { atMs, text, base64 } of attempt.frames) {
    const last = rows.at(-1);
    if (last?.atMs === atMs) last.frame += text ?? base64 ?? "";
    else rows.push({ atMs, frame: text ?? base64 ?? "", events: [] });
  }
  const shown = wire.events.filter(({ atMs }) => atMs >= attempt.atMs && atMs < until);
  let row = 0;
  for (const { atMs, first, last } of shown) {
    while (row + 1 < rows.length && (rows[row + 1]?.atMs ?? Infinity) <= atMs) row += 1;
    const place = rows[row];
    const lines = numbers(first, last).map((number) => data.get(number) ?? `#${number}`);
    if (place) place.events.push(...lines);
    else rows.push({ atMs, frame: "", events: lines });
  }
  return rows;
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** The body of the last attempt, byte for byte as far as text is. */
export function bodyOf({ attempts }: Wire): Uint8Array<ArrayBuffer> {
  const frames = attempts.at(-1)?.frames ?? [];
  if (frames.every(({ base64 }) => base64 === undefined)) return new TextEncoder().encode(frames.map(({ text }) => text).join(""));
  const bytes = frames.map(({ base64 }) => Uint8Array.from(atob(base64 ?? ""), (letter) => letter.charCodeAt(0)));
  return new Uint8Array(bytes.flatMap((each) => [...each]));
}

/** What should be read from that body: the second file of a fixture (docs/adding-a-provider.md). */
export function expected(provider: string, answer: Answer): Record<string, unknown> {
  const { content, reasoning, toolCalls, finish, failure } = answer;
  const usage = finish?.usage?.source === "reported" ? finish.usage : undefined;
  return {
    provider,
    ...(content ? { content } : {}),
    ...(reasoning ? { reasoning } : {}),
    ...(toolCalls.length ? { calls: toolCalls.map(({ id, name, arguments: given }) => [id, name, given]) } : {}),
    ...(usage ? { usage: [usage.inputTokens, usage.outputTokens, usage.reasoningTokens, usage.cachedTokens] } : {}),
    ...(finish && finish.reason !== "stop" ? { reason: finish.reason } : {}),
    ...(finish?.providerReason ? { provider_reason: finish.providerReason } : {}),
    ...(failure ? { code: failure.code, message: failure.error } : {}),
  };
}
