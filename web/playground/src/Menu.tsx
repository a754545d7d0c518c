/** A button that opens a few things to do. */

import { useEffect, useLayoutEffect, useRef, useState } from "react";

import { Icon } from "./Icon";
import { onResize, seenHeight } from "./keyboard";
import { useAway } from "./Picker";

export interface Choice {
  name: string;
  icon: React.ComponentProps<typeof Icon>["name"];
  onChoose: () => void;
  /** It takes something away. */
  grave?: boolean;
}

interface Opened {
  label: string;
  choices: readonly Choice[];
  icon?: Choice["icon"];
  large?: boolean;
}

export function Menu({ label, choices, icon = "more", large }: Opened): React.JSX.Element {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (refocus: boolean): void => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };
  return (
    <div className="relative shrink-0">
      <button ref={button} className={`button button-quiet button-square ${large ? "" : "h-8 w-8"}`} type="button" aria-haspopup="menu" aria-expanded={open} aria-label={label} title={label} onClick={() => setOpen(!open)}>
        <Icon name={icon} size={large ? 18 : 16} />
      </button>
      {open && <Choices label={label} choices={choices} onClose={close} />}
    </div>
  );
}

function Choices({ label, choices, onClose }: { label: string; choices: readonly Choice[]; onClose: (refocus: boolean) => void }): React.JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const place = usePlace(box);
  useAway(box, () => onClose(false));
  useEffect(() => box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus(), []);
  const onKey = (event: React.KeyboardEvent): void => {
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const next: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key === "Tab") return onClose(false);
    if (event.key === "Escape") onClose(true);
    else if (event.key in next) items.at((next[event.key] as number) % items.length)?.focus();
    else return;
    event.preventDefault();
  };
  return (
    <div ref={box} role="menu" aria-label={label} className="fixed z-30 min-w-44 rounded-xl border border-line bg-card p-1 shadow-xl" style={place} onKeyDown={onKey}>
      {choices.map(({ name, icon, onChoose, grave }) => (
        <button key={name} className={`flex w-full items-center gap-2 rounded-lg px-2.5 py-1.5 text-left text-sm hover:bg-soft focus:bg-soft focus:outline-none ${grave ? "text-bad" : ""}`} type="button" role="menuitem" tabIndex={-1}
          onClick={() => { onClose(true); onChoose(); }}>
          <Icon name={icon} size={15} /> {name}
        </button>
      ))}
    </div>
  );
}

/** Beside its button, wherever that is and goes when a keyboard opens or closes: lists around it do not cut it off. */
function usePlace(box: React.RefObject<HTMLElement | null>): { left: number; top: number } {
  const [place, setPlace] = useState({ left: 0, top: 0 });
  useLayoutEffect(() => {
    const find = (): void => {
      const button = box.current?.parentElement?.getBoundingClientRect();
      const size = box.current?.getBoundingClientRect();
      if (!button || !size) return;
      const below = button.bottom + 4 + size.height < seenHeight();
      setPlace({ left: Math.max(8, button.right - size.width), top: below ? button.bottom + 4 : Math.max(8, button.top - 4 - size.height) });
    };
    find();
    return onResize(find);
  }, [box]);
  return place;
}
