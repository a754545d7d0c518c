/** The streams that answer: started, joined again, stopped; what comes goes to their turns, at most once a frame. */

import { Headrace, HeadraceError, NO_ANSWER, framewise, gather, type Answer, type ChatRequest, type ChatStream, type StreamEvent } from "@headrace/client";

import { sampled } from "./samples";
import { isRunning, requestOf, type Pane, type Problem, type Turn } from "./state";

const SENT_AGAIN_WITHIN_MS = 300_000; // well below how long the server knows a key

export type TurnChange = (turn: Turn) => Partial<Turn>;

export class Streams {
  #running = new Map<string, ChatStream>();

  /** `change`: what is done to a turn, wherever it is shown. */
  constructor(
    readonly project: () => string,
    readonly change: (turnId: string, change: TurnChange) => void,
  ) {}

  /** Asks the last of these. */
  start(turns: readonly Turn[]): void {
    const turn = turns.at(-1) as Turn;
    const options = { ...this.#told(turn.id), idempotencyKey: turn.key };
    void this.#follow(turn.id, this.#client().chat(withWire(requestOf(turns)), options));
  }

  /** What was under way: joined; or, where the server's answer never came, sent again under the same key. */
  again(pane: Pane, turn: Turn): void {
    if (this.#running.has(turn.id)) return;
    const recent = Date.now() - turn.asked < SENT_AGAIN_WITHIN_MS;
    if (turn.streamId) void this.#follow(turn.id, this.#client().join(turn.streamId, this.#told(turn.id)));
    else if (recent && turn.configId) this.start(pane.turns.slice(0, pane.turns.indexOf(turn) + 1));
    else this.change(turn.id, () => ({ phase: "closed", problem: { code: "not_started", message: "" } }));
  }

  stop(turns: readonly Turn[]): void {
    for (const { id } of turns.filter(isRunning)) {
      this.#running.get(id)?.stop().catch((error: unknown) => this.change(id, () => ({ problem: problemOf(error) })));
    }
  }

  /** Follow these no longer; the server goes on with them. */
  leave(turns: readonly Turn[]): void {
    for (const { id } of turns) {
      const stream = this.#running.get(id);
      this.#running.delete(id);
      stream?.close();
    }
  }

  #client(): Headrace {
    return new Headrace({ project: this.project() });
  }

  #told(turnId: string): { onPhase: (phase: Turn["phase"]) => void } {
    return { onPhase: (phase) => phase !== "closed" && this.change(turnId, () => ({ phase })) };
  }

  async #follow(turnId: string, stream: ChatStream): Promise<void> {
    this.#running.set(turnId, stream);
    let answer: Answer = NO_ANSWER; // a stream that is joined brings everything again
    const painter = framewise((events: StreamEvent[]) => {
      answer = gather(answer, events);
      this.change(turnId, (turn) => ({ ...thinkingOf(turn, answer), ...sampled(turn, answer), answer, streamId: stream.id, problem: undefined }));
    });
    let problem: Problem | undefined;
    try {
      for await (const events of stream.batches()) painter.add(events);
    } catch (error) {
      problem = problemOf(error);
    }
    painter.flush();
    if (this.#running.get(turnId) !== stream) return; // it was left, and goes on elsewhere
    this.#running.delete(turnId);
    this.change(turnId, (turn) => ({ phase: "closed", problem, answer: { ...turn.answer, thinking: false } }));
  }
}

/** What goes over the wire is kept with the stream, for whoever wants to look. */
function withWire(request: ChatRequest): ChatRequest {
  return { ...request, streamOptions: { includeWire: true } };
}

/** When thinking began and how long it took, by this page's clock; a replay after a reload changes neither. */
function thinkingOf(turn: Turn, answer: Answer): Partial<Turn> {
  const thought = answer.reasoning !== "" || answer.thinking;
  if (!thought || turn.thinkingMs !== undefined) return {};
  const since = turn.thinkingSince ?? Date.now();
  return answer.thinking ? { thinkingSince: since } : { thinkingSince: since, thinkingMs: Date.now() - since };
}

export function problemOf(error: unknown): Problem {
  if (error instanceof HeadraceError) return { code: error.code, message: error.message, retryAfter: error.retryAfter };
  return { code: "unreachable", message: error instanceof Error ? error.message : String(error) };
}
