import type { Dialog } from "./App";
import { Icon, Logo } from "./Icon";
import { statisticsAddress, useRoute } from "./route";
import type { SidebarState } from "./Sidebar";
import { MOST_PANES } from "./state";
import { store, useStore } from "./store";
import { setTheme, useTheme } from "./theme";
import { setLanguage, useLanguage, useWords } from "./words";

interface Shown {
  onOpen?: (dialog: Dialog) => void;
  onAdd?: () => void;
  /** Absent where there is none. */
  sidebar?: SidebarState;
}

export function Header({ onOpen, onAdd, sidebar }: Shown): React.JSX.Element {
  const words = useWords();
  const language = useLanguage();
  const theme = useTheme();
  const count = useStore((state) => state.panes.length);
  const asking = useRoute().view === "playground";
  const used = useStore((state) => state.panes.some(({ turns }) => turns.length > 0));
  return (
    <header className="flex items-center gap-1 px-3 py-2.5 md:px-4">
      {sidebar && (
        <button className="button button-quiet button-square -ml-1.5 mr-0.5" type="button" aria-label={words.showConversations} title={words.showConversations} aria-expanded={sidebar.open} onClick={sidebar.toggle}>
          <Icon name="sidebar" size={18} />
        </button>
      )}
      <Logo />
      <h1 className="ml-1.5 mr-auto text-[1.05rem] font-semibold tracking-tight">Headrace</h1>
      {asking && used && !(sidebar?.wide && sidebar.open) && (
        <button className="button button-quiet max-lg:w-9 max-lg:px-0" type="button" onClick={() => store.begin()} title={words.clear}>
          <Icon name="add" /> <span className="max-lg:sr-only">{words.clear}</span>
        </button>
      )}
      {asking && count > 0 && count < MOST_PANES && (
        <button className="button max-lg:w-9 max-lg:px-0" type="button" onClick={() => store.addPane()} title={words.addPane}>
          <Columns /> <span className="max-lg:sr-only">{words.addPane}</span>
        </button>
      )}
      {asking && <button className="button max-md:hidden" type="button" onClick={onAdd}>{words.add}</button>}
      <a className="button button-quiet max-lg:w-9 max-lg:px-0" href={asking ? statisticsAddress() : "#/"} title={asking ? words.statistics : words.playground}>
        <Icon name={asking ? "chart" : "chat"} /> <span className="max-lg:sr-only">{asking ? words.statistics : words.playground}</span>
      </a>
      <button className="button button-quiet px-2" type="button" lang={language === "en" ? "zh" : "en"} onClick={() => setLanguage(language === "en" ? "zh" : "en")}>
        {words.language}
      </button>
      <button className="button button-quiet button-square" type="button" onClick={() => setTheme(theme === "dark" ? "light" : "dark")}
        aria-label={theme === "dark" ? words.light : words.dark} title={theme === "dark" ? words.light : words.dark}>
        <Icon name={theme === "dark" ? "sun" : "moon"} size={18} />
      </button>
      {asking && (
        <button className="button button-quiet button-square max-md:hidden" type="button" onClick={() => onOpen?.("keys")} aria-label={words.keys} title={words.keys}>
          <Icon name="help" size={18} />
        </button>
      )}
      <a className="button button-quiet max-sm:hidden" href="/api/docs">{words.docs}</a>
    </header>
  );
}

function Columns(): React.JSX.Element {
  return (
    <svg aria-hidden="true" width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinejoin="round">
      <path d="M4 5h7v14H4zM14 5h6v14h-6z" />
    </svg>
  );
}
