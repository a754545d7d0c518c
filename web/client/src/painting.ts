/** Gathers what comes within one frame, so that a fast model paints no more often than the screen shows. */

import type { StreamEvent } from "./events.js";

export interface Painter {
  add: (events: StreamEvent[]) => void;
  flush: () => void;
}

const HIDDEN_PAINT_MS = 250; // a hidden tab has no frames

export function framewise(paint: (events: StreamEvent[]) => void): Painter {
  let waiting: StreamEvent[] = [];
  let frame: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = undefined;
    const events = waiting;
    waiting = [];
    if (events.length) paint(events);
  };
  const add = (events: StreamEvent[]): void => {
    waiting.push(...events);
    frame ??= requestAnimationFrame(flush);
    timer ??= setTimeout(flush, HIDDEN_PAINT_MS);
  };
  return { add, flush };
}
