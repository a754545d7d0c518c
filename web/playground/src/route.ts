/** What the address says after its `#`: the view, and what it shows. */

import { useSyncExternalStore } from "react";

export interface Route {
  view: "playground" | "statistics";
  given: URLSearchParams;
}

let before = "";
let known: Route = read("");

function read(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { view: path === "statistics" ? "statistics" : "playground", given: new URLSearchParams(query) };
}

function current(): Route {
  if (location.hash !== before) {
    before = location.hash;
    known = read(before);
  }
  return known;
}

export function useRoute(): Route {
  return useSyncExternalStore(
    (listener) => {
      addEventListener("hashchange", listener);
      return () => removeEventListener("hashchange", listener);
    },
    current,
  );
}

/** The address of the statistics with these values; an empty one is left out. */
export function statisticsAddress(given: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString();
  return `#/statistics${query ? `?${query}` : ""}`;
}
