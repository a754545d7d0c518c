/** All conversations into a file, and those of a file into the list. */

import { useRef, useState } from "react";

import { useRecords } from "./ConversationList";
import { download } from "./download";
import { Menu, type Choice } from "./Menu";
import { Icon } from "./Icon";
import { records } from "./records/records";
import { store } from "./store";
import { filling, useWords, type Words } from "./words";

export function Carrying(): React.JSX.Element {
  const words = useWords();
  const summaries = useRecords((state) => state.summaries);
  const keeping = useRecords((state) => state.keeping);
  const picker = useRef<HTMLInputElement>(null);
  const [told, setTold] = useState<{ good: boolean; text: string }>();
  const take = (file: File | undefined): void => void (file && imported(file, words).then(setTold));
  const ids = summaries?.map(({ id }) => id) ?? [];
  const removeAll = (): void => {
    if (confirm(filling(words.removeAllSure, { count: ids.length }))) void store.conversations.remove(ids);
  };
  const choices: Choice[] = [
    { name: words.importConversations, icon: "attach", onChoose: () => picker.current?.click() },
    ...(ids.length ? [
      { name: words.exportConversations, icon: "down" as const, onChoose: () => void exportAll() },
      { name: words.removeAll, icon: "remove" as const, grave: true, onChoose: removeAll },
    ] : []),
  ];
  return (
    <div className="border-t border-line px-3 py-2 text-xs text-quiet">
      {told && (
        <p className={`mb-2 flex items-start gap-1 break-words rounded-lg py-1 pl-3 pr-1 text-sm ${told.good ? "bg-tint text-accent" : "bg-bad-soft text-bad"}`} role={told.good ? "status" : "alert"}>
          <span className="mr-auto min-w-0">{told.text}</span>
          <button className="button button-quiet button-square h-6 w-6 shrink-0" type="button" aria-label={words.close} onClick={() => setTold(undefined)}><Icon name="close" size={13} /></button>
        </p>
      )}
      <div className="flex items-center gap-2">
        <span className="mr-auto">{keeping ? words.keptHere : words.notKept}</span>
        <input ref={picker} className="hidden" type="file" accept="application/json,.json" aria-label={words.importConversations} onChange={({ target }) => { take(target.files?.[0]); target.value = ""; }} />
        {keeping && <Menu label={words.allConversations} choices={choices} />}
      </div>
    </div>
  );
}

async function exportAll(): Promise<void> {
  const [all, { jsonOf }] = await Promise.all([records.all(), import("./records/exporting")]);
  download("conversations.json", jsonOf(all));
}

async function imported(file: File, words: Words): Promise<{ good: boolean; text: string }> {
  const { MOST_BYTES, NotImported, conversationsIn } = await import("./records/importing");
  try {
    if (file.size > MOST_BYTES) throw new NotImported("tooLarge");
    const found = conversationsIn(await file.text());
    const kept = await records.add(found);
    if (!kept) return { good: false, text: words.recordsFull };
    return { good: true, text: found.length === 1 ? words.oneImported : filling(words.manyImported, { count: found.length }) };
  } catch (error) {
    if (!(error instanceof NotImported)) throw error;
    const { why, place, said } = error;
    const texts = { tooLarge: words.importTooLarge, notJson: words.importNotJson, notOurs: words.importNotOurs, newer: words.importNewer, invalid: words.importInvalid };
    return { good: false, text: filling(texts[why], { place, said }) };
  }
}
