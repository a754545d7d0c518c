/** The few signs that the page needs, drawn in the text's colour. */

const PATHS = {
  add: "M12 5v14M5 12h14",
  attach: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.4 3.4 0 0 1 5 5l-8.5 8.5a1.7 1.7 0 0 1-2.5-2.5L15 7.5",
  better: "M7 11v9H4v-9zM7 11l4-8a2.5 2.5 0 0 1 2.5 2.5V9H19a2 2 0 0 1 2 2.3l-1.2 7a2 2 0 0 1-2 1.7H7",
  blind: "M3 3l18 18M10 6.2A9 9 0 0 1 12 6c6 0 9 6 9 6a16 16 0 0 1-2.4 3.2M6.2 7.6A15 15 0 0 0 3 12s3 6 9 6a9 9 0 0 0 4-.9",
  branch: "M6 4v16M6 14c0-5 12-2 12-8M15 8l3-3 3 3",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  chat: "M5 5h14v10H10l-5 4z",
  chart: "M4 20V4M4 20h16M9 16v-5M13 16V8M17 16v-3",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM5 15V5h10",
  done: "M5 12l5 5L20 7",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4",
  fold: "M9 6l6 6-6 6",
  help: "M9.5 9a2.5 2.5 0 1 1 3.5 2.3c-.8.4-1 .9-1 1.7M12 17h.01",
  model: "M6 9l6 6 6-6",
  more: "M12 6h.01M12 12h.01M12 18h.01",
  moon: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  preset: "M6 4h12v16l-6-4-6 4z",
  next: "M5 12h14M13 6l6 6-6 6",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  retry: "M4 12a8 8 0 1 1 2.5 5.8M4 12V7m0 5h5",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15.5 15.5L20 20",
  send: "M12 19V5M6 11l6-6 6 6",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  sidebar: "M4 5h16v14H4zM9 5v14",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
};

export function Icon({ name, size = 16 }: { name: keyof typeof PATHS; size?: number }): React.JSX.Element {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 24 24" fill={name === "stop" ? "currentColor" : "none"}
      stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo(): React.JSX.Element {
  return <img src="/static/headrace/icon.svg" alt="" width={30} height={30} />;
}
