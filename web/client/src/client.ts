/** `Headrace`: chats with a Headrace server, as typed events that survive whatever happens to the connection. */

import { NO_ANSWER, gather, type Answer } from "./answer.js";
import { Follower, type FollowOptions, type Phase, type Start } from "./follower.js";
import { parseEvent, type StreamEvent } from "./events.js";

export interface HeadraceOptions extends FollowOptions {
  /** Where the server's API is: `/api`, or where a Django project included `headrace.urls`. */
  api?: string | undefined;
  project?: string | undefined;
}

export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string | readonly Record<string, unknown>[];
  [field: string]: unknown;
}

export type Model =
  | { configId: string }
  | { providerId: string; modelId?: string; endpoint?: string; apiKey?: string };

export interface StreamOptions {
  includeUsage?: boolean;
  includeIds?: boolean;
  onDisconnect?: "cancel" | "continue";
  [option: string]: unknown;
}

/** The body of a chat (docs/protocol.md); `null` means: do not send it. Durations in seconds. */
export interface ChatRequest {
  messages: readonly Message[];
  model: Model;
  temperature?: number | null;
  maxTokens?: number | null;
  timeout?: number;
  maxDuration?: number;
  topP?: number;
  topK?: number;
  stop?: string | readonly string[];
  seed?: number;
  tools?: readonly unknown[];
  toolChoice?: unknown;
  responseFormat?: unknown;
  reasoningEffort?: string;
  extraBody?: Record<string, unknown>;
  metadata?: Record<string, string>;
  streamOptions?: StreamOptions;
}

export interface ChatOptions {
  /** Aborting it stops the stream at the server too, and ends the iteration with its reason. */
  signal?: AbortSignal | undefined;
  onPhase?: ((phase: Phase, reason?: unknown) => void) | undefined;
}

export interface StartOptions extends ChatOptions {
  /** A start under the same key is the same stream: a page that is left before it knows the stream's id sends it again. */
  idempotencyKey?: string | undefined;
}

export interface JoinOptions extends ChatOptions {
  /** The number of the last event that was read; 0, the default, is from the beginning. */
  after?: number | undefined;
}

export class Headrace {
  readonly #options: HeadraceOptions;
  readonly #playground: string;

  constructor(options: HeadraceOptions = {}) {
    this.#options = options;
    const api = (options.api ?? "/api").replace(/\/+$/, "");
    this.#playground = `${api}/projects/${encodeURIComponent(options.project ?? "default")}/playground`;
  }

  /** Start a chat. Nothing is sent before the stream is iterated or asked for its answer. */
  chat(request: ChatRequest, options: StartOptions = {}): ChatStream {
    return this.#stream(
      {
        url: `${this.#playground}/chat/stream/`,
        method: "POST",
        body: JSON.stringify(resumable(request)),
        idempotencyKey: options.idempotencyKey ?? randomKey(),
        streamUrl: this.#address,
      },
      options,
    );
  }

  /** Follow a stream that runs, or has ended a short while ago. */
  join(id: string, options: JoinOptions = {}): ChatStream {
    const url = this.#address(id);
    return this.#stream({ url, method: "GET", id, after: options.after, streamUrl: this.#address }, options);
  }

  #address = (id: string): string =>
    `${this.#playground}/streams/${encodeURIComponent(id)}/?includeUsage=true&includeIds=true`;

  #stream(start: Start, { signal, onPhase }: ChatOptions): ChatStream {
    return new ChatStream(new Follower(start, { ...this.#options, onPhase: onPhase ?? this.#options.onPhase }), signal);
  }
}

interface Arrived {
  number: number;
  event: StreamEvent | undefined;
}

/** One answer: iterate over its events, once, or await it whole. */
export class ChatStream implements AsyncIterable<StreamEvent> {
  readonly #follower: Follower;
  readonly #signal: AbortSignal | undefined;
  #position: number;

  constructor(follower: Follower, signal?: AbortSignal) {
    this.#follower = follower;
    this.#signal = signal;
    this.#position = follower.position;
  }

  /** Known once the server has answered. */
  get id(): string | undefined {
    return this.#follower.id;
  }

  /** The number of the last event that was handed out: `join` goes on after it. */
  get position(): number {
    return this.#position;
  }

  get phase(): Phase {
    return this.#follower.phase;
  }

  /** End it at the server; the iteration then comes to its end, with `cancelled`. */
  stop(): Promise<void> {
    return this.#follower.stop();
  }

  /** Leave it running: `join` with its `id` and `position` goes on. */
  close(): void {
    this.#follower.close();
  }

  /** The events as they arrive, several at a time where several came at once. */
  async *batches(): AsyncGenerator<StreamEvent[]> {
    for await (const arrived of this.#arriving()) {
      this.#position = arrived.at(-1)?.number ?? this.#position;
      const events = arrived.map(({ event }) => event).filter((event) => event !== undefined);
      if (events.length) yield events;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent> {
    for await (const arrived of this.#arriving()) {
      for (const { number, event } of arrived) {
        this.#position = number;
        if (event) yield event;
      }
    }
  }

  async answer(): Promise<Answer> {
    let answer = NO_ANSWER;
    for await (const events of this.batches()) answer = gather(answer, events);
    return answer;
  }

  /** A caller who aborts is let go at once, even while the server has not answered. */
  async *#arriving(): AsyncGenerator<Arrived[]> {
    const signal = this.#signal;
    let leave: () => void = () => undefined;
    const left = new Promise<undefined>((resolve) => (leave = () => resolve(undefined)));
    const abort = (): void => {
      this.#follower.stop().catch(() => undefined); // the caller has left: there is nobody to tell
      this.#follower.close();
      leave();
    };
    signal?.addEventListener("abort", abort, { once: true });
    const arriving = this.#follower.batches();
    try {
      signal?.throwIfAborted();
      for (;;) {
        const next = arriving.next();
        next.catch(() => undefined); // it may lose the race
        const step = await Promise.race([next, left]);
        signal?.throwIfAborted();
        if (!step || step.done) return;
        yield step.value.map(({ number, data }) => ({ number, event: parseEvent(data) }));
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#follower.close();
    }
  }
}

/** The request with what resuming needs. What the caller chose stays. */
function resumable(request: ChatRequest): ChatRequest {
  const streamOptions = { includeUsage: true, onDisconnect: "continue" as const, ...request.streamOptions, includeIds: true };
  return { ...request, streamOptions };
}

/** Makes a start that is sent twice one stream. `randomUUID` exists on https and localhost pages only. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
