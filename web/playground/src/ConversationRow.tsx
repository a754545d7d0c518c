/** One conversation of the list. */

import { useState } from "react";

import { download } from "./download";
import { Icon } from "./Icon";
import { isComposing } from "./keys";
import { Menu, type Choice } from "./Menu";
import type { Summary } from "./records/conversation";
import type { FileWords } from "./records/exporting";
import { records } from "./records/records";
import { anyRunning, namesHidden } from "./state";
import { store, useStore } from "./store";
import { filling, useLanguage, useWords, type Words } from "./words";

interface Shown {
  summary: Summary;
  /** What stands around the words that were searched. */
  around: string | undefined;
  onDone: () => void;
}

export function ConversationRow({ summary, around, onDone }: Shown): React.JSX.Element {
  const words = useWords();
  const { id, pinned } = summary;
  const [renaming, setRenaming] = useState(false);
  const shown = useStore((state) => state.conversation === id);
  const running = useStore((state) => (state.conversation === id ? anyRunning(state) : state.aside.some((each) => each.id === id)));
  const hidden = useStore((state) => state.conversation === id && namesHidden(state));
  const title = summary.title || summary.question || words.untitled;
  const choices = useChoices(summary, title, () => setRenaming(true));
  const open = (): void => void store.conversations.show(id).then(onDone);
  if (renaming) return <li className="py-0.5"><Renaming title={title} onEnd={(next) => { setRenaming(false); if (next) void records.rename(id, next); }} /></li>;
  return (
    <li className={`group flex items-center rounded-lg pr-1 hover:bg-soft ${shown ? "bg-tint" : ""}`}>
      <button className="min-w-0 flex-1 rounded-lg px-2 py-1.5 text-left text-sm" type="button" aria-current={shown ? "page" : undefined} title={title} onClick={open}>
        <span className={`flex items-center gap-1.5 ${shown ? "font-medium text-accent" : ""}`}>
          {running && <span className="pulse size-2 shrink-0 rounded-full bg-accent"><span className="sr-only">{words.stillAnswering}</span></span>}
          {pinned && <span className="shrink-0 text-quiet"><Icon name="pin" size={13} /></span>}
          <span className="truncate">{title}</span>
        </span>
        <span className="block truncate text-xs text-quiet">{around ?? (hidden ? words.hiddenNames : summary.models.join(" · "))}</span>
      </button>
      <div className={shown ? "" : "opacity-0 focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"}><Menu label={filling(words.actsOn, { title })} choices={choices} /></div>
    </li>
  );
}

function useChoices({ id, pinned }: Summary, title: string, onRename: () => void): Choice[] {
  const words = useWords();
  const language = useLanguage();
  const copy = async (): Promise<void> => {
    const made = await records.duplicate(id, filling(words.copyOf, { title }));
    if (made) await store.conversations.show(made);
  };
  const save = (kind: FileKind): void => void exported(id, kind, words, language);
  return [
    { name: pinned ? words.unpin : words.pin, icon: "pin", onChoose: () => void records.pin(id, !pinned) },
    { name: words.rename, icon: "edit", onChoose: onRename },
    { name: words.duplicate, icon: "copy", onChoose: () => void copy() },
    { name: `${words.exportAs} Markdown`, icon: "down", onChoose: () => save("md") },
    { name: `${words.exportAs} HTML`, icon: "down", onChoose: () => save("html") },
    { name: `${words.exportAs} JSON`, icon: "down", onChoose: () => save("json") },
    { name: words.deleted, icon: "remove", grave: true, onChoose: () => void store.conversations.remove([id]) },
  ];
}

type FileKind = "md" | "html" | "json";

async function exported(id: string, kind: FileKind, words: Words, language: string): Promise<void> {
  const [conversation] = await records.all([id]);
  if (!conversation) return;
  const { fileName, jsonOf, markdownOf, pageOf, titleOf } = await import("./records/exporting");
  const said: FileWords = { question: words.question, thought: words.thoughts, sources: words.sources, better: words.better, system: words.system, continued: words.continued, untitled: words.untitled };
  const text = await { md: () => markdownOf(conversation, said), html: () => pageOf(conversation, said, language), json: () => jsonOf([conversation]) }[kind]();
  download(fileName(titleOf(conversation, said), kind), text);
}

/** `undefined`: it stays as it is called. */
function Renaming({ title, onEnd }: { title: string; onEnd: (title?: string) => void }): React.JSX.Element {
  const words = useWords();
  const [text, setText] = useState(title);
  const onKey = (event: React.KeyboardEvent): void => {
    if (isComposing(event.nativeEvent) || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    onEnd(event.key === "Enter" ? text.trim() : undefined);
  };
  return (
    <input className="field h-9" autoFocus aria-label={words.rename} maxLength={200} value={text} onFocus={({ target }) => target.select()}
      onChange={({ target }) => setText(target.value)} onKeyDown={onKey} onBlur={() => onEnd(text.trim())} />
  );
}
