/** Every code that the page can meet, in people's words and both languages: what it is, why, and the one thing to do. */

import { REQUESTS } from "./problems/requests";
import { UPSTREAM } from "./problems/upstream";
import type { Language } from "./words";

/** The one thing that is offered. `later` waits first; `allow` shows the setting; `model` and `key` edit what is stored. */
export type Action = "retry" | "later" | "key" | "model" | "allow" | "settings" | "shorten" | "signIn" | "reload";

/** A title, and a sentence or two on what it means, in each language. */
export type Said = Record<Language, readonly [title: string, meaning: string]> & { action: Action };

export const PROBLEMS: Readonly<Record<string, Said>> = { ...UPSTREAM, ...REQUESTS };

const OTHER: Said = {
  en: ["This did not work", "Something between this page and the model answered in a way that is not known here."],
  zh: ["没有成功", "本页面与模型之间的某个环节给出了未知的应答。"],
  action: "retry",
};
const SETTING = /\b(HEADRACE_[A-Z_]+|ALLOWED_HOSTS)=([^\s,;]+(?:,[^\s,;]+)*)/;

export function said(code: string): Said {
  return PROBLEMS[code] ?? OTHER;
}

export function problemTitle(code: string, language: Language): string {
  return said(code)[language][0];
}

/** The line of configuration that the server's words hold, where they hold one. */
export function settingLine(message: string): string | undefined {
  return SETTING.exec(message)?.[0].replace(/[.)"']+$/, "");
}
