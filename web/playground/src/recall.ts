/** The questions asked before, brought back one after another. */

/** `step` -1 is the one before, 1 the one after; `undefined` where there is none. `shown` is what stands in the box. */
export function recalled(asked: readonly string[], shown: string, step: -1 | 1): string | undefined {
  if (shown === "") return step === -1 ? asked.at(-1) : undefined;
  const at = asked.lastIndexOf(shown);
  if (at < 0) return undefined; // something new is being written
  if (step === 1 && at === asked.length - 1) return "";
  return asked[at + step];
}

/** In the order they were asked, each once: where it was asked last. */
export function questionsOf(turns: readonly { prompt: string; asked: number; continues?: boolean | undefined }[]): string[] {
  const own = turns.filter(({ prompt, continues }) => prompt && !continues).toSorted((a, b) => a.asked - b.asked);
  const prompts = own.map(({ prompt }) => prompt);
  return prompts.filter((prompt, at) => prompts.lastIndexOf(prompt) === at);
}
