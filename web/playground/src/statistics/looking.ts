/** What the statistics are asked for, as their address has it, and the answer. */

import { HeadraceError } from "@headrace/client";
import { useEffect, useState } from "react";

import { statisticsAddress, useRoute } from "../route";
import { useStore } from "../store";
import { readable, statisticsOf, type Question, type Statistics } from "./api";
import { isRange, spanOf, type Looked } from "./range";

const EVERY_MS = 30_000;

export type Given = Readonly<Record<"range" | "to" | "project" | "provider" | "model" | "caller" | "apart", string>>;

export interface Looking {
  given: Given;
  looked: Looked;
  /** The stream whose timeline is open. */
  stream: string | null;
  go: (change: Partial<Given> & { stream?: string }) => void;
  look: (looked: Looked) => void;
}

export function useLooking(): Looking {
  const { given } = useRoute();
  const text = (name: string): string => given.get(name) ?? "";
  const asked = given.get("range");
  const range = isRange(asked) ? asked : "24h";
  const to = Date.parse(text("to"));
  const kept: Given = { range, to: text("to"), project: text("project"), provider: text("provider"), model: text("model"), caller: text("caller"), apart: text("apart") };
  const go: Looking["go"] = (change) => void (location.hash = statisticsAddress({ ...kept, ...change }));
  const look = (next: Looked): void => go({ range: next.range, to: next.to === undefined ? "" : new Date(next.to).toISOString().replace(":00.000Z", "Z") });
  return { given: kept, looked: { range, to: Number.isNaN(to) ? undefined : to }, stream: given.get("stream"), go, look };
}

/** The projects that can be looked at, each with whether its people can be seen; undefined before that is known. */
export function useProjects(): ReadonlyMap<string, boolean> | undefined {
  const own = useStore((state) => (state.models ? state.project : undefined));
  const [known, setKnown] = useState<ReadonlyMap<string, boolean>>();
  useEffect(() => {
    if (own === undefined) return;
    readable().then(setKnown, () => setKnown(new Map([[own, false]]))); // a site that keeps no people has no such address
  }, [own]);
  return known;
}

interface Asked {
  answer: Statistics | undefined;
  question: Question | undefined;
  failed: HeadraceError | undefined;
  again: () => void;
}

/** Asked again while the page is seen; what was there stays until something newer comes. */
export function useAnswer(project: string | undefined, callers: boolean, given: Given, { range, to }: Looked): Asked {
  const [known, setKnown] = useState<{ answer: Statistics; question: Question }>();
  const [failed, setFailed] = useState<HeadraceError>();
  const [turn, setTurn] = useState(0);
  const { provider, model, caller, apart } = given;
  useEffect(() => {
    if (project === undefined) return undefined;
    const leaving = new AbortController();
    const question = { project, span: spanOf(range, to ?? Date.now()), provider, model, caller };
    statisticsOf(question, apart !== "", callers, leaving.signal).then(
      (answer) => {
        setKnown({ answer, question });
        setFailed(undefined);
      },
      (error: unknown) => leaving.signal.aborted || setFailed(error instanceof HeadraceError ? error : new HeadraceError("unreachable", String(error))),
    );
    const timer = setInterval(() => document.hidden || setTurn((before) => before + 1), EVERY_MS);
    return () => {
      leaving.abort();
      clearInterval(timer);
    };
  }, [project, callers, range, to, provider, model, caller, apart, turn]);
  return { ...{ answer: known?.answer, question: known?.question }, failed, again: () => setTurn((before) => before + 1) };
}
