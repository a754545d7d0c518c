/**
 * `EventStream`: the browser's `EventSource`, with a method and a body. Code written for one works with the other.
 *
 * It delivers each event's data as it is and refuses to parse it. `[DONE]` closes it and is not delivered, so that
 * `JSON.parse(event.data)` never meets it.
 */

import { Follower, type FollowOptions, type Numbered, type Phase } from "./follower.js";
import { randomKey } from "./client.js";
import { DONE } from "./events.js";

export interface EventStreamInit extends Omit<FollowOptions, "onPhase"> {
  /** POST where there is a body, else GET, which joins a stream at its own address. */
  method?: string;
  /** The request as JSON text. What resuming needs is added to its `streamOptions`. */
  body?: string;
  withCredentials?: boolean;
  /** Deliver `[DONE]` as the last message too. */
  done?: boolean;
  /** The address of a stream by its id, where it cannot be told from the URL (`…/chat/stream/` → `…/streams/{id}/`). */
  streamUrl?: (id: string) => string;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;
const STATES: Record<Phase, number> = { connecting: CONNECTING, reconnecting: CONNECTING, open: OPEN, closed: CLOSED };

type Handler<E extends Event> = ((this: EventStream, event: E) => unknown) | null;

/** The `error` event; `error` says what it was. As with EventSource, `readyState` tells whether it goes on. */
export class StreamErrorEvent extends Event {
  constructor(readonly error: unknown) {
    super("error");
  }
}

export class EventStream extends EventTarget {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSED = CLOSED;
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSED = CLOSED;
  readonly url: string;
  readonly withCredentials: boolean;
  onopen: Handler<Event> = null;
  onmessage: Handler<MessageEvent<string>> = null;
  onerror: Handler<StreamErrorEvent> = null;
  readonly #follower: Follower;
  readonly #starts: boolean;
  #state: number = CONNECTING;

  constructor(url: string | URL, init: EventStreamInit = {}) {
    super();
    this.url = new URL(url, globalThis.document?.baseURI).href;
    this.withCredentials = init.withCredentials ?? false;
    this.#starts = methodOf(init) === "POST";
    this.#follower = new Follower(startOf(this.url, init), {
      ...init,
      credentials: init.credentials ?? (this.withCredentials ? "include" : "same-origin"),
      onPhase: (phase, reason) => this.#turn(phase, reason),
    });
    queueMicrotask(() => void this.#run(init.done ?? false)); // as with EventSource, handlers are set after this
  }

  get readyState(): number {
    return this.#state;
  }

  /** The id of the stream at the server, once it has answered. */
  get streamId(): string | undefined {
    return this.#follower.id;
  }

  /** Ends it: a stream that this one has started is stopped at the server too, as nobody else would come back for it. */
  close(): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    if (this.#starts) this.#follower.stop().catch(() => undefined); // the page has left: there is nobody to tell
    this.#follower.close();
  }

  async #run(deliverDone: boolean): Promise<void> {
    try {
      for await (const batch of this.#follower.batches()) {
        for (const message of batch) this.#deliver(message);
      }
      if (deliverDone) this.#deliver({ data: DONE, number: this.#follower.position, event: undefined });
      this.#state = CLOSED;
    } catch (error) {
      if (this.#state === CLOSED) return;
      this.#state = CLOSED;
      this.#fire(new StreamErrorEvent(error));
    }
  }

  #deliver({ data, event, number }: Numbered): void {
    if (this.#state === CLOSED) return;
    const lastEventId = String(number);
    const origin = new URL(this.url).origin;
    this.#fire(new MessageEvent(event ?? "message", { data, lastEventId, origin }));
  }

  #turn(phase: Phase, reason: unknown): void {
    if (this.#state === CLOSED || phase === "closed") return; // `#run` says how it ended
    this.#state = STATES[phase];
    if (phase === "open") this.#fire(new Event("open"));
    if (phase === "reconnecting") this.#fire(new StreamErrorEvent(reason));
  }

  #fire(event: Event): void {
    this.dispatchEvent(event);
    if (event.type === "open") this.onopen?.(event);
    else if (event instanceof StreamErrorEvent) this.onerror?.(event);
    else if (event.type === "message") this.onmessage?.(event as MessageEvent<string>);
  }
}

function methodOf({ method, body }: EventStreamInit): "GET" | "POST" {
  const name = (method ?? (body === undefined ? "GET" : "POST")).toUpperCase();
  if (name !== "GET" && name !== "POST") throw new SyntaxError(`an EventStream is opened by GET or POST, not ${name}`);
  return name;
}

function startOf(url: string, init: EventStreamInit): ConstructorParameters<typeof Follower>[0] {
  if (methodOf(init) === "GET") return { url, method: "GET", id: idIn(url), streamUrl: () => url };
  return {
    url,
    method: "POST",
    body: resumable(init.body),
    idempotencyKey: randomKey(),
    streamUrl: init.streamUrl ?? ((id) => streamUrl(url, id)),
  };
}

/** The last part of a stream's own address. */
function idIn(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split("/").filter(Boolean).at(-1) ?? "");
}

function streamUrl(url: string, id: string): string | undefined {
  const address = new URL(url);
  const path = address.pathname.replace(/\/chat\/stream\/?$/, `/streams/${encodeURIComponent(id)}/`);
  if (path === address.pathname) return undefined;
  return `${address.origin}${path}?includeIds=true`;
}

function resumable(body: string | undefined): string | undefined {
  if (body === undefined) return undefined;
  const request: unknown = JSON.parse(body);
  if (typeof request !== "object" || request === null || Array.isArray(request)) return body;
  const given = "streamOptions" in request ? (request.streamOptions as object) : {};
  return JSON.stringify({ ...request, streamOptions: { onDisconnect: "continue", ...given, includeIds: true } });
}
