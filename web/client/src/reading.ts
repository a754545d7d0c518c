/** A response's bytes as server-sent messages, a batch for each piece that the network brought. */

import { createParser } from "eventsource-parser";

export interface Message {
  data: string;
  id: string | undefined;
  event: string | undefined;
}

export interface Reading {
  /** Milliseconds of silence after which the connection counts as dead; 0: never. */
  idle: number;
  /** The server's `retry:` line. */
  onRetry: (milliseconds: number) => void;
}

export class IdleError extends Error {
  override readonly name = "IdleError";
}

const MOST_BUFFERED = 16 * 1024 * 1024; // characters of one event: beyond what the server lets an answer be

/** Empty batches are signs of life (comments). Ends with the body; throws what broke it, or IdleError. */
export async function* batches(response: Response, { idle, onRetry }: Reading): AsyncGenerator<Message[]> {
  if (!response.body) return;
  let found: Message[] = [];
  let fault: Error | undefined;
  const parser = createParser({
    onEvent: ({ data, id, event }) => found.push({ data, id, event }),
    onRetry,
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") fault = error;
    },
    maxBufferSize: MOST_BUFFERED,
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { value, done } = await within(reader.read(), idle);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      if (found.length || !fault) yield found;
      if (fault) throw fault;
      found = [];
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  if (!milliseconds) return promise;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new IdleError(`nothing came for ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, but no longer than until the browser is online again or `signal` is aborted. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const place = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
    const timer = setTimeout(end, milliseconds);
    function end(): void {
      clearTimeout(timer);
      place?.removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    }
    place?.addEventListener("online", end);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
