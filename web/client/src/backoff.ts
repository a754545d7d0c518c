/** How long to wait before a broken stream is joined again, and when to give up. Pure: clock and dice are others'. */

export interface Patience {
  /** Milliseconds before the first attempt; doubled by each that fails. A `retry:` line of the server replaces it. */
  first: number;
  /** Milliseconds between two attempts at most. */
  most: number;
  /** Milliseconds without any progress, waits and attempts together, after which it gives up. */
  giveUpAfter: number;
  /** Milliseconds of silence after which a connection counts as dead. The server shows a comment every 15 s. */
  idle: number;
}

export const PATIENCE: Patience = {
  first: 500,
  most: 10_000,
  giveUpAfter: 120_000, // a restart of the server, a tunnel; the server itself keeps an unread stream for 300 s
  idle: 45_000, // three comments missed
};

const MOST_DOUBLINGS = 20;

export class Backoff {
  #failures = 0;
  #spent = 0;
  #first: number;

  constructor(
    private readonly patience: Patience,
    private readonly random: () => number = Math.random,
  ) {
    this.#first = patience.first;
  }

  /** Something has come: the next break starts from the beginning. */
  progress(): void {
    this.#failures = 0;
    this.#spent = 0;
  }

  /** The server's `retry:` line, in milliseconds. */
  suggest(first: number): void {
    this.#first = Math.min(first, this.patience.most);
  }

  /**
   * Milliseconds to wait after an attempt that lasted `lasted` ms and failed; undefined: give up. A wait that the
   * server asks for is kept, or not begun at all. Time asleep is no attempt: `lasted` counts up to the idle time.
   */
  next(lasted: number, retryAfter = 0): number | undefined {
    const most = Math.min(this.patience.most, this.#first * 2 ** Math.min(this.#failures, MOST_DOUBLINGS));
    const wait = Math.max(most * (0.5 + 0.5 * this.random()), retryAfter);
    this.#failures += 1;
    this.#spent += Math.min(lasted, this.patience.idle || Infinity) + wait;
    return this.#spent > this.patience.giveUpAfter ? undefined : wait;
  }
}
