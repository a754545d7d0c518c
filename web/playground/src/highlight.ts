/** Code in colours, for the languages that models write most; each is loaded when it is first shown. */

import type { CodeHighlighterPlugin, HighlightResult } from "streamdown";
import { createHighlighterCore, type HighlighterCore, type LanguageInput } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";

type Load = () => Promise<{ default: LanguageInput }>;

const LANGUAGES: Record<string, Load> = {
  bash: () => import("shiki/langs/bash.mjs") as never,
  c: () => import("shiki/langs/c.mjs") as never,
  css: () => import("shiki/langs/css.mjs") as never,
  go: () => import("shiki/langs/go.mjs") as never,
  html: () => import("shiki/langs/html.mjs") as never,
  java: () => import("shiki/langs/java.mjs") as never,
  javascript: () => import("shiki/langs/javascript.mjs") as never,
  json: () => import("shiki/langs/json.mjs") as never,
  python: () => import("shiki/langs/python.mjs") as never,
  rust: () => import("shiki/langs/rust.mjs") as never,
  sql: () => import("shiki/langs/sql.mjs") as never,
  tsx: () => import("shiki/langs/tsx.mjs") as never,
  typescript: () => import("shiki/langs/typescript.mjs") as never,
  yaml: () => import("shiki/langs/yaml.mjs") as never,
};
const ALIASES: Record<string, string> = {
  console: "bash", cpp: "c", "c++": "c", js: "javascript", jsx: "tsx", py: "python", rs: "rust", sh: "bash", shell: "bash", ts: "typescript", yml: "yaml",
};
const THEMES: ["github-light", "github-dark-default"] = ["github-light", "github-dark-default"];

let highlighter: Promise<HighlighterCore> | undefined;

function known(language: string): string | undefined {
  const name = language.trim().toLowerCase();
  const found = ALIASES[name] ?? name;
  return Object.hasOwn(LANGUAGES, found) ? found : undefined;
}

async function loaded(language: string): Promise<HighlighterCore> {
  highlighter ??= createHighlighterCore({
    themes: [import("shiki/themes/github-light.mjs"), import("shiki/themes/github-dark-default.mjs")],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
  const core = await highlighter;
  const load = LANGUAGES[language];
  if (load && !core.getLoadedLanguages().includes(language)) await core.loadLanguage(load() as never);
  return core;
}

export const code: CodeHighlighterPlugin = {
  name: "shiki",
  type: "code-highlighter",
  getSupportedLanguages: () => Object.keys(LANGUAGES),
  getThemes: () => THEMES,
  supportsLanguage: (language) => known(language) !== undefined,
  highlight({ code: text, language }, callback) {
    const name = known(language);
    if (!name) return null;
    loaded(name)
      .then((core) => callback?.(core.codeToTokens(text, { lang: name, themes: { light: THEMES[0], dark: THEMES[1] } }) as HighlightResult))
      .catch(() => undefined); // it stays readable without its colours
    return null;
  },
};
