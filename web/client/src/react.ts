/** `useStream`: one answer as React state, painted at most once a frame, found again after a reload. */

import { useCallback, useEffect, useRef, useState } from "react";

import { NO_ANSWER, gather, type Answer } from "./answer.js";
import { Headrace, type ChatRequest, type ChatStream } from "./client.js";
import { HeadraceError } from "./errors.js";
import type { Phase } from "./follower.js";
import { framewise } from "./painting.js";

export interface UseStreamOptions {
  /** Made once outside of the component, or kept by `useMemo`. */
  client?: Headrace;
  /** A name in the tab's `sessionStorage`: a stream under way is joined again after a reload. */
  keep?: string;
}

export interface UseStream {
  answer: Answer;
  phase: Phase | "idle";
  /** A refusal, or a stream that was lost. What went wrong with the answer itself is `answer.failure`. */
  error: Error | undefined;
  start: (request: ChatRequest) => void;
  /** Follow a stream from its beginning. */
  join: (id: string) => void;
  stop: () => void;
}

const DEFAULT = new Headrace();

/** Leaving the page or unmounting leaves the stream running; `stop` ends it, and so does asking again. */
export function useStream({ client = DEFAULT, keep }: UseStreamOptions = {}): UseStream {
  const [answer, setAnswer] = useState<Answer>(NO_ANSWER);
  const [phase, setPhase] = useState<UseStream["phase"]>("idle");
  const [error, setError] = useState<Error>();
  const running = useRef<ChatStream>(undefined);

  const show = useCallback((at: UseStream["phase"]) => {
    setAnswer(NO_ANSWER);
    setError(undefined);
    setPhase(at);
  }, []);

  const follow = useCallback(
    async (stream: ChatStream) => {
      const current = (): boolean => running.current === stream;
      const painter = framewise((events) => current() && setAnswer((before) => gather(before, events)));
      let thrown: unknown;
      await undefined; // StrictMode mounts twice within one task: the first stream is closed by now, and asks nothing
      try {
        for await (const events of stream.batches()) {
          if (current()) remember(keep, stream.id); // again: the name in the first head may have been cut
          painter.add(events);
        }
      } catch (caught) {
        thrown = caught;
      }
      painter.flush();
      if (!current()) return;
      if (!isAway(thrown)) remember(keep, undefined);
      if (thrown !== undefined) setError(asError(thrown));
      setPhase("closed");
    },
    [keep],
  );

  const opened = useCallback(
    (open: (onPhase: (phase: Phase) => void) => ChatStream) => {
      running.current?.close();
      const stream: ChatStream = open((next) => {
        if (running.current !== stream || next === "closed") return; // `follow` says how it ended
        if (next === "open") remember(keep, stream.id);
        setPhase(next);
      });
      running.current = stream;
      show("connecting");
      void follow(stream);
    },
    [follow, keep, show],
  );
  const start = useCallback(
    (request: ChatRequest) => {
      running.current?.stop().catch(() => undefined); // nobody would come back for it, or be told
      opened((onPhase) => client.chat(request, { onPhase }));
    },
    [client, opened],
  );
  const join = useCallback((id: string) => opened((onPhase) => client.join(id, { onPhase })), [client, opened]);
  const stop = useCallback(() => {
    const stream = running.current;
    stream?.stop().catch((thrown: unknown) => running.current === stream && setError(asError(thrown)));
  }, []);

  useEffect(() => {
    const id = remembered(keep);
    if (id) join(id);
    return () => {
      const left = running.current;
      running.current = undefined;
      if (!left || left.phase === "closed") return;
      left.close();
      show("idle");
    };
  }, [join, keep, show]);

  return { answer, phase, error, start, join, stop };
}

/** The server may be there again when the page is loaded anew, with the stream. */
function isAway(thrown: unknown): boolean {
  return thrown instanceof HeadraceError && thrown.code === "gave_up";
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function remember(name: string | undefined, id: string | undefined): void {
  if (!name) return;
  try {
    if (id) sessionStorage.setItem(name, id);
    else sessionStorage.removeItem(name);
  } catch {
    // a browser that keeps nothing: the answer is more important
  }
}

function remembered(name: string | undefined): string | null {
  try {
    return name ? sessionStorage.getItem(name) : null;
  } catch {
    return null;
  }
}
