/** The list of kept conversations: by date, searched, with what can be done to each. */

import { useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { Carrying } from "./Carrying";
import { ConversationRow } from "./ConversationRow";
import { Icon } from "./Icon";
import { byDate, type Group } from "./records/days";
import type { Summary } from "./records/conversation";
import { records, type RecordsState } from "./records/records";
import { store, useStore } from "./store";
import { filling, useLanguage, useWords, type Language, type Words } from "./words";

const SEARCH_AFTER_MS = 150; // so that not every letter searches
const SHOWN_AT_ONCE = 100;

export function useRecords<T>(select: (state: RecordsState) => T): T {
  return useSyncExternalStore(records.subscribe, () => select(records.state));
}

export function ConversationList({ onDone }: { onDone: () => void }): React.JSX.Element {
  const words = useWords();
  const [text, setText] = useState("");
  const found = useFound(text);
  const begun = useStore(({ panes }) => panes.some(({ turns }) => turns.length > 0));
  const begin = (): void => {
    store.begin();
    onDone();
    document.getElementById("prompt")?.focus();
  };
  return (
    <>
      <div className="flex flex-col gap-2 p-3">
        <button className="button w-full" type="button" disabled={!begun} onClick={begin}><Icon name="add" /> {words.clear}</button>
        <label className="relative block">
          <span className="sr-only">{words.searchConversations}</span>
          <span className="pointer-events-none absolute left-3 top-1/2 -translate-y-1/2 text-quiet"><Icon name="search" size={15} /></span>
          <input className="field pl-9" type="search" value={text} placeholder={words.searchConversations} onChange={({ target }) => setText(target.value)} />
        </label>
      </div>
      <Listed found={found} search={text.trim()} onDone={onDone} />
      <Removed />
      <Carrying />
    </>
  );
}

/** What holds the words, with what stands around them; `undefined` while nothing is searched. */
function useFound(text: string): ReadonlyMap<string, string> | undefined {
  const [found, setFound] = useState<ReadonlyMap<string, string>>();
  const summaries = useRecords((state) => state.summaries);
  const wanted = text.trim();
  useEffect(() => {
    if (!wanted) return setFound(undefined);
    const leaving = new AbortController();
    const search = (): void => void records.search(wanted, leaving.signal).then((next) => leaving.signal.aborted || setFound(next));
    const timer = setTimeout(search, SEARCH_AFTER_MS);
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [wanted, summaries]);
  return found;
}

interface Shown {
  found: ReadonlyMap<string, string> | undefined;
  search: string;
  onDone: () => void;
}

function Listed({ found, search, onDone }: Shown): React.JSX.Element {
  const words = useWords();
  const language = useLanguage();
  const summaries = useRecords((state) => state.summaries);
  const keeping = useRecords((state) => state.keeping);
  const [most, setMost] = useState(SHOWN_AT_ONCE);
  const matching = useMemo(() => summaries?.filter(({ id }) => !found || found.has(id)) ?? [], [summaries, found]);
  const groups = useMemo(() => cut(byDate(matching), most), [matching, most]);
  return (
    <nav className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-2 pb-2" aria-label={words.conversations}>
      <Trouble />
      {summaries?.length === 0 && <p className="px-2 py-6 text-center text-sm text-quiet">{keeping ? words.noConversations : words.notKeptHint}</p>}
      {found && !matching.length && <p className="px-2 py-6 text-center text-sm text-quiet" role="status">{filling(words.nothingFound, { text: search })}</p>}
      {groups.map(({ period, items }) => (
        <section key={period} aria-label={periodName(period, words, language)}>
          <h3 className="px-2 pb-1 pt-3 text-xs font-medium text-quiet">{periodName(period, words, language)}</h3>
          <ul>{items.map((each) => <ConversationRow key={each.id} summary={each} around={found?.get(each.id)} onDone={onDone} />)}</ul>
        </section>
      ))}
      {matching.length > most && <button className="button button-quiet mt-1 w-full" type="button" onClick={() => setMost(most + SHOWN_AT_ONCE)}>{words.more}</button>}
    </nav>
  );
}

function cut(groups: readonly Group<Summary>[], most: number): Group<Summary>[] {
  let left = most;
  return groups.flatMap(({ period, items }) => {
    const shown = items.slice(0, left);
    left -= shown.length;
    return shown.length ? [{ period, items: shown }] : [];
  });
}

function periodName(period: Group<Summary>["period"], words: Words, language: Language): string {
  const month = /^(\d+)-(\d+)$/.exec(period);
  if (!month) return words[period as keyof Words];
  const date = new Date(Number(month[1]), Number(month[2]) - 1);
  return new Intl.DateTimeFormat(language, { year: "numeric", month: "long" }).format(date);
}

/** Why what is asked now will not be in the list. */
export function Trouble(): React.JSX.Element | null {
  const words = useWords();
  const trouble = useRecords((state) => state.trouble);
  if (!trouble) return null;
  return <p className="my-2 rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad" role="alert">{trouble === "full" ? words.recordsFull : words.recordsAway}</p>;
}

/** What was deleted last can be had back. */
function Removed(): React.JSX.Element | null {
  const words = useWords();
  const removed = useRecords((state) => state.removed);
  if (!removed.length) return null;
  return (
    <p className="mx-3 mb-2 flex items-center gap-1 rounded-lg border border-line bg-soft py-1 pl-3 pr-1 text-sm" role="status">
      <span className="mr-auto">{removed.length === 1 ? words.oneRemoved : filling(words.manyRemoved, { count: removed.length })}</span>
      <button className="button button-quiet h-7 text-accent" type="button" onClick={() => void records.restore()}>{words.undo}</button>
      <button className="button button-quiet button-square h-7 w-7" type="button" aria-label={words.close} onClick={() => records.forgetRemoved()}><Icon name="close" size={14} /></button>
    </p>
  );
}
