/**
 * Follows one stream to its end, whatever breaks on the way: history first, then live, each event once.
 *
 * It knows cursors and connections, and refuses to know what the events mean.
 */

import { Backoff, PATIENCE, type Patience } from "./backoff.js";
import { csrfHeaders, type CsrfToken } from "./csrf.js";
import { HeadraceError, isPassing, notAStream, refusalOf } from "./errors.js";
import { DONE } from "./events.js";
import { batches, pause, type Message } from "./reading.js";

export type Phase = "connecting" | "open" | "reconnecting" | "closed";

export interface FollowOptions {
  headers?: HeadersInit | undefined;
  credentials?: RequestCredentials | undefined;
  /** Django's token; read from the cookie or the page where it is left out, `false` sends none. */
  csrfToken?: CsrfToken | undefined;
  fetch?: typeof fetch | undefined;
  patience?: Partial<Patience> | undefined;
  /** Told of each change; `reconnecting` comes with what broke the connection. */
  onPhase?: ((phase: Phase, reason?: unknown) => void) | undefined;
}

/** One event's data with its number in the stream. */
export interface Numbered {
  number: number;
  data: string;
  event: string | undefined;
}

export interface Start {
  /** Where the first request goes: a POST starts a stream, a GET joins one. */
  url: string;
  method: "GET" | "POST";
  body?: string | undefined;
  idempotencyKey?: string | undefined;
  /** The address of a stream's own resource; undefined where there is none. */
  streamUrl: (id: string) => string | undefined;
  id?: string | undefined;
  after?: number | undefined;
}

const START_ATTEMPTS = 3; // a server that is not there should be said to be so, not waited for
const STOP_ATTEMPTS = 4;
const HEAD_WAIT = 10_000; // milliseconds for the server to name a stream that is to be stopped before it has begun

export class Follower {
  readonly #start: Start;
  readonly #options: FollowOptions;
  readonly #backoff: Backoff;
  readonly #idle: number;
  readonly #leaving = new AbortController();
  readonly #headArrived: Promise<void>;
  #sayHead: () => void = () => undefined;
  #id: string | undefined;
  #named: boolean;
  /** Something of a body has come: the head before it was whole. */
  #heard = false;
  #position: number;
  #begun = false;
  #phase: Phase = "connecting";
  #ended = false;
  #stopping: Promise<void> | undefined;
  #abandoned = false;

  constructor(start: Start, options: FollowOptions = {}) {
    const patience = { ...PATIENCE, ...options.patience };
    this.#start = start;
    this.#options = options;
    this.#id = start.id;
    this.#named = start.id !== undefined;
    this.#position = start.after ?? 0;
    this.#idle = patience.idle;
    this.#backoff = new Backoff(patience);
    this.#headArrived = new Promise((resolve) => (this.#sayHead = resolve));
  }

  /** Known once the server has answered. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The number of the last event that has come. */
  get position(): number {
    return this.#position;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get #over(): boolean {
    return this.#ended || this.#phase === "closed";
  }

  /** The messages, by batches as they arrive, without `[DONE]`; ends where the stream does. To be iterated once. */
  async *batches(): AsyncGenerator<Numbered[]> {
    try {
      yield* this.#follow();
    } finally {
      this.#sayHead(); // or none will come
      this.close();
    }
  }

  /** Leave without stopping: the stream goes on at the server, and can be joined again. */
  close(): void {
    if (this.#stopping && !this.#id) {
      this.#abandoned = true; // the id is still to come, and what it names is to be stopped
    } else {
      this.#leaving.abort();
    }
    this.#say("closed");
  }

  /** End the stream at the server. Who iterates still gets its end; resolves when the server knows. */
  stop(): Promise<void> {
    this.#stopping ??= this.#ended ? Promise.resolve() : this.#stop();
    return this.#stopping;
  }

  async *#follow(): AsyncGenerator<Numbered[]> {
    this.#begun = true;
    for (let attempt = 1; !this.#over; attempt += 1) {
      const began = Date.now();
      let broken: unknown;
      try {
        const response = await this.#open(attempt);
        yield* this.#read(response);
        broken = new Error("the connection ended before the stream did");
      } catch (error) {
        if (error instanceof HeadraceError && !this.#passes(error)) throw error;
        broken = error;
      }
      if (this.#over) return;
      await this.#wait(broken, attempt, Date.now() - began);
    }
  }

  /** On the way back to a stream, a page instead of it is a network that wants a login first. */
  #passes(error: HeadraceError): boolean {
    return isPassing(error.status ?? 0) || (error.code === "not_a_stream" && this.#heard);
  }

  async #open(attempt: number): Promise<Response> {
    const { method, body, idempotencyKey } = this.#start;
    const resuming = this.#id !== undefined;
    const headers = new Headers(this.#options.headers);
    headers.set("Accept", "text/event-stream");
    if (resuming) {
      if (this.#position > 0) headers.set("Last-Event-ID", String(this.#position));
    } else if (method === "POST") {
      headers.set("Content-Type", "application/json");
      if (idempotencyKey) headers.set("Idempotency-Key", idempotencyKey);
    }
    if (attempt === 1) this.#say("connecting");
    const response = await this.#fetch(resuming ? this.#address() : this.#start.url, {
      method: resuming ? "GET" : method,
      headers,
      ...(!resuming && body !== undefined ? { body } : {}),
      cache: "no-store",
      signal: this.#leaving.signal,
    });
    return this.#accepted(response);
  }

  async #accepted(response: Response): Promise<Response> {
    const facts = { streamId: this.#id, position: this.#position };
    if (!response.ok) throw await refusalOf(response, facts);
    const other = notAStream(response, facts);
    if (other) {
      response.body?.cancel().catch(() => undefined);
      throw other;
    }
    this.#id ??= response.headers.get("X-Stream-Id") ?? undefined;
    this.#named ||= this.#id !== undefined;
    this.#sayHead();
    if (this.#abandoned) this.#leaving.abort();
    this.#say("open");
    return response;
  }

  async *#read(response: Response): AsyncGenerator<Numbered[]> {
    const reading = { idle: this.#idle, onRetry: (first: number) => this.#backoff.suggest(first) };
    for await (const batch of batches(response, reading)) {
      this.#heard = true;
      this.#backoff.progress();
      const fresh = this.#fresh(batch);
      if (fresh.length) yield fresh;
      if (this.#over) return;
    }
  }

  /** What has not been delivered yet. A gap is a fault of the way: the connection is given up, and the rest asked for. */
  #fresh(batch: Message[]): Numbered[] {
    const fresh: Numbered[] = [];
    for (const message of batch) {
      if (message.data === DONE) {
        this.#ended = true;
        break;
      }
      const number = message.id === undefined ? this.#position + 1 : Number(message.id);
      if (number <= this.#position) continue;
      if (number !== this.#position + 1) {
        if (fresh.length) break; // delivered first; the next batch, or the end of the body, breaks it off
        throw new Error(`event ${this.#position + 1} is missing: ${number} came`);
      }
      this.#position = number;
      fresh.push({ number, data: message.data, event: message.event });
    }
    return fresh;
  }

  async #wait(broken: unknown, attempt: number, lasted: number): Promise<void> {
    const refusal = broken instanceof HeadraceError ? broken : undefined;
    const started = this.#named || this.#heard;
    const facts = { ...refusal, streamId: this.#id, position: this.#position, cause: broken };
    if (!this.#heard && this.#start.method === "POST" && !this.#stopping) {
      this.#id = undefined; // its name may have been cut in the middle: asked again, the same key is the same stream
    } else if (started && !this.#address()) {
      throw new HeadraceError("not_resumable", "The connection broke, and this stream has no address to go on at.", facts);
    }
    const wait = this.#backoff.next(lasted, (refusal?.retryAfter ?? 0) * 1000);
    if (wait === undefined || (!started && attempt >= START_ATTEMPTS)) {
      if (refusal && !started) throw refusal;
      const why = broken instanceof Error ? broken.message : String(broken);
      if (!started) throw new HeadraceError("unreachable", `The server cannot be reached: ${why}`, facts);
      throw new HeadraceError("gave_up", `The stream broke off and could not be joined again: ${why}`, facts);
    }
    if (started) this.#say("reconnecting", broken);
    await pause(wait, this.#leaving.signal);
  }

  async #stop(): Promise<void> {
    if (!this.#begun && !this.#id) return this.close(); // nothing has been asked
    if (!this.#id) await Promise.race([this.#headArrived, pause(HEAD_WAIT, this.#leaving.signal)]);
    const address = this.#address();
    if (!address) {
      this.#leaving.abort();
      return this.close();
    }
    const backoff = new Backoff({ ...PATIENCE, ...this.#options.patience });
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await this.#fetch(address, { method: "DELETE", keepalive: true });
        if (response.ok || response.status === 404) return;
        const refusal = await refusalOf(response, { streamId: this.#id });
        if (!isPassing(response.status) || attempt === STOP_ATTEMPTS) throw refusal;
      } catch (error) {
        if (error instanceof HeadraceError || attempt === STOP_ATTEMPTS) throw error;
      }
      await pause(backoff.next(0) ?? 0, new AbortController().signal);
    }
  }

  #address(): string | undefined {
    return this.#id === undefined ? undefined : this.#start.streamUrl(this.#id);
  }

  #fetch(url: string | undefined, init: RequestInit): Promise<Response> {
    if (!url) throw new HeadraceError("not_resumable", "This stream has no address of its own.");
    const headers = new Headers(init.headers ?? this.#options.headers);
    if (init.method !== "GET") {
      for (const [name, value] of Object.entries(csrfHeaders(url, this.#options.csrfToken))) headers.set(name, value);
    }
    const credentials = this.#options.credentials ?? "same-origin";
    return (this.#options.fetch ?? globalThis.fetch)(url, { ...init, headers, credentials });
  }

  #say(phase: Phase, reason?: unknown): void {
    if (this.#phase === "closed" || (this.#phase === phase && phase !== "reconnecting" && phase !== "connecting")) return;
    this.#phase = phase;
    this.#options.onPhase?.(phase, reason);
  }
}
