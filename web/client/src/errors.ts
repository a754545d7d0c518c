/** The one exception of this package, and how an answer that is no stream becomes it. */

export interface ErrorFacts {
  status?: number | undefined;
  field?: string | undefined;
  /** Seconds. */
  retryAfter?: number | undefined;
  streamId?: string | undefined;
  /** How many events had been read: they are still good. */
  position?: number | undefined;
  cause?: unknown;
}

/**
 * A request was refused, or a stream cannot be followed to its end. `code` is the server's own word, or one of
 * `unreachable` (never connected), `gave_up` (broken, and not back in time), `not_a_stream`, `bad_event`, `not_resumable`.
 */
export class HeadraceError extends Error {
  override readonly name = "HeadraceError";
  readonly status: number | undefined;
  readonly field: string | undefined;
  readonly retryAfter: number | undefined;
  readonly streamId: string | undefined;
  readonly position: number | undefined;

  constructor(
    readonly code: string,
    message: string,
    facts: ErrorFacts = {},
  ) {
    super(message, { cause: facts.cause });
    this.status = facts.status;
    this.field = facts.field;
    this.retryAfter = facts.retryAfter;
    this.streamId = facts.streamId;
    this.position = facts.position;
  }
}

const PASSING: ReadonlySet<number> = new Set([408, 425, 429]); // beside all from 500 on
const LONGEST_MESSAGE = 500; // a proxy's page is no message
const CUT = "the connection ended in the middle of the answer's head";
const STREAM_TYPE = "text/event-stream";

/** A later attempt may succeed: the server is busy, restarting, or a proxy before it could not reach it. */
export function isPassing(status: number): boolean {
  return status >= 500 || PASSING.has(status);
}

/**
 * What a response that is no stream says, in its own words where it is one of ours. A plain Error where it is final and
 * says nothing: without TLS, browsers take a head that broke off for a whole one, `HTTP/1.1 20` for status 20.
 */
export async function refusalOf(response: Response, facts: ErrorFacts = {}): Promise<Error> {
  const text = await response.text().catch(() => "");
  if (!text && !isPassing(response.status) && response.headers.get("Content-Length") !== "0") return new Error(CUT);
  const told = fieldsOf(text);
  const status = response.status;
  const retryAfter = retryAfterOf(response.headers.get("Retry-After"), Date.now());
  return new HeadraceError(
    typeof told.code === "string" ? told.code : `http_${status}`,
    typeof told.error === "string" ? told.error.slice(0, LONGEST_MESSAGE) : `The server answered ${status}.`,
    { ...facts, status, retryAfter, field: typeof told.field === "string" ? told.field : undefined },
  );
}

/** Undefined for an event stream, else what the response is instead. Its type may have been cut off too. */
export function notAStream(response: Response, facts: ErrorFacts = {}): Error | undefined {
  const type = response.headers.get("Content-Type") ?? "";
  if (type.startsWith(STREAM_TYPE)) return undefined;
  if (STREAM_TYPE.startsWith(type)) return new Error(CUT);
  return new HeadraceError("not_a_stream", "The server's answer is no event stream.", facts);
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The seconds that a `Retry-After` header asks for, as a number or an HTTP date. */
export function retryAfterOf(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? "";
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}
