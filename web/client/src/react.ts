/** `useStream`: one answer as React state, painted at most once a frame, found again after a reload. */

import { useCallback, useEffect, useRef, useState } from "react";

import { NO_ANSWER, gather, type Answer } from "./answer.js";
import { Headrace, type ChatRequest, type ChatStream } from "./client.js";
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

/** Leaving the page or unmounting leaves the stream running; `stop` ends it. */
export function useStream({ client = DEFAULT, keep }: UseStreamOptions = {}): UseStream {
  const [answer, setAnswer] = useState<Answer>(NO_ANSWER);
  const [phase, setPhase] = useState<UseStream["phase"]>("idle");
  const [error, setError] = useState<Error>();
  const running = useRef<ChatStream>(undefined);

  const follow = useCallback(
    async (stream: ChatStream) => {
      running.current?.close();
      running.current = stream;
      const current = (): boolean => running.current === stream;
      const painter = framewise((events) => current() && setAnswer((before) => gather(before, events)));
      setAnswer(NO_ANSWER);
      setError(undefined);
      try {
        for await (const events of stream.batches()) {
          remember(keep, stream.id);
          painter.add(events);
        }
      } catch (thrown) {
        if (current()) setError(thrown instanceof Error ? thrown : new Error(String(thrown)));
      } finally {
        painter.flush();
        if (current()) {
          remember(keep, undefined);
          setPhase("closed");
        }
      }
    },
    [keep],
  );

  const opened = useCallback(
    (open: (onPhase: (phase: Phase) => void) => ChatStream) => {
      const stream: ChatStream = open((next) => {
        if (running.current === stream) setPhase(next);
      });
      setPhase("connecting");
      void follow(stream);
    },
    [follow],
  );
  const start = useCallback((request: ChatRequest) => opened((onPhase) => client.chat(request, { onPhase })), [client, opened]);
  const join = useCallback((id: string) => opened((onPhase) => client.join(id, { onPhase })), [client, opened]);
  const stop = useCallback(() => {
    running.current?.stop().catch((thrown: Error) => setError(thrown));
  }, []);

  useEffect(() => {
    const id = keep && sessionStorage.getItem(keep);
    if (id) join(id);
    return () => {
      const left = running.current;
      running.current = undefined;
      left?.close();
    };
  }, [join, keep]);

  return { answer, phase, error, start, join, stop };
}

function remember(name: string | undefined, id: string | undefined): void {
  if (!name) return;
  if (id) sessionStorage.setItem(name, id);
  else sessionStorage.removeItem(name);
}
