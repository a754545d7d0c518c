/** How much of an answer had come when: a few points of it, however long it is. */

import type { Answer } from "@headrace/client";

import type { Sample, Turn } from "./state";

const MOST_SAMPLES = 120; // as many as the chart has room for

/** A replay after a reload brings again what has been measured: only what is beyond it counts. */
export function sampled(turn: Turn, answer: Answer, now = Date.now()): Pick<Turn, "samples"> {
  const samples = turn.samples ?? [];
  const length = answer.content.length + answer.reasoning.length;
  if (length <= (samples.at(-1)?.[1] ?? 0)) return {};
  const sample: Sample = [now - turn.asked, length];
  return { samples: thinned([...samples, sample]) };
}

/** Every other one but the last. */
function thinned(samples: readonly Sample[]): readonly Sample[] {
  if (samples.length <= MOST_SAMPLES) return samples;
  return samples.filter((_, at) => at % 2 === 0 || at === samples.length - 1);
}
