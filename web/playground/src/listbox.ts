/** A list that is moved through from a text field beside it: the field keeps the focus, ARIA says which entry is meant. */

import { useEffect, useId, useState } from "react";

interface Option {
  id: string;
  role: "option";
  "aria-selected": boolean;
  onPointerMove: () => void;
  onClick: () => void;
}

export interface Listbox {
  /** For the field. */
  field: { role: "combobox"; "aria-expanded": boolean; "aria-controls": string; "aria-autocomplete": "list"; "aria-activedescendant": string | undefined };
  list: { id: string; role: "listbox" };
  option: (at: number) => Option;
  /** Whether the key was one of the list's; then it is dealt with. */
  onKey: (event: React.KeyboardEvent) => boolean;
}

const FAR = 10; // entries that a page key goes

/** `start`: the entry meant at first, and again whenever `about`, what the entries are of, changes. */
export function useListbox(open: boolean, count: number, choose: (at: number) => void, start = 0, about = ""): Listbox {
  const id = useId();
  const [active, setActive] = useState(start);
  const meant = Math.min(active, count - 1);
  useEffect(() => setActive(start), [open, about, start]);
  useEffect(() => {
    if (open) document.getElementById(`${id}${meant}`)?.scrollIntoView({ block: "nearest" });
  }, [open, id, meant]);
  const moves: Record<string, number> = {
    ArrowDown: meant + 1 < count ? meant + 1 : 0,
    ArrowUp: meant > 0 ? meant - 1 : count - 1,
    PageDown: Math.min(meant + FAR, count - 1),
    PageUp: Math.max(meant - FAR, 0),
  };
  const onKey = (event: React.KeyboardEvent): boolean => {
    const next = moves[event.key];
    if (!open || count === 0 || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (next !== undefined) setActive(next);
    else if (event.key === "Enter") choose(meant);
    else return false;
    event.preventDefault();
    return true;
  };
  const shown = open && count > 0;
  return {
    field: { role: "combobox", "aria-expanded": shown, "aria-controls": id, "aria-autocomplete": "list", "aria-activedescendant": shown ? `${id}${meant}` : undefined },
    list: { id, role: "listbox" },
    option: (at) => ({ id: `${id}${at}`, role: "option", "aria-selected": at === meant, onPointerMove: () => setActive(at), onClick: () => choose(at) }),
    onKey,
  };
}
