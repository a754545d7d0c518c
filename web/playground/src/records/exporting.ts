/** Conversations as files: JSON that this page reads again, Markdown, and one page of HTML that needs nothing and runs nothing. */

import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import type { Extension, HtmlExtension } from "micromark-util-types";

import { withDollars } from "../delimiters";
import { isDeep } from "../shallow";
import { isRunning, type Turn } from "../state";
import { stepsOf, summaryOf, type Conversation, type Step } from "./conversation";
import { FORMAT, VERSION } from "./format";

/** The words that stand in a file, in the language of who exports it. */
export interface FileWords {
  question: string;
  thought: string;
  sources: string;
  better: string;
  system: string;
  continued: string;
  untitled: string;
}

export function jsonOf(conversations: readonly Conversation[], now = new Date()): string {
  const bare = conversations.map(({ title, pinned, models, parameters, panes }) => ({
    title, pinned, models, parameters, panes: panes.map(({ turns, ...pane }) => ({ ...pane, turns: turns.map(bareTurn) })),
  }));
  return `${JSON.stringify({ format: FORMAT, version: VERSION, exported: now.toISOString(), conversations: bare }, null, 2)}\n`;
}

/** A stream's name is of no use elsewhere. */
function bareTurn({ streamId: _, key: __, ...turn }: Turn): Omit<Turn, "streamId" | "key"> {
  return isRunning(turn as Turn) ? { ...turn, phase: "closed" } : turn;
}

export function titleOf(conversation: Conversation, words: Pick<FileWords, "untitled">): string {
  const { title, question } = summaryOf(conversation, 0);
  return title || question || words.untitled;
}

/** A file's name, whatever stands in the title. */
export function fileName(title: string, ending: string): string {
  const plain = title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  return `${plain || "conversation"}.${ending}`;
}

export function markdownOf(conversation: Conversation, words: FileWords): string {
  const { system } = conversation.parameters;
  const head = [`# ${titleOf(conversation, words)}`, ...(system.trim() ? [`${words.system}:`, quoted(system)] : [])];
  return `${[...head, ...stepsOf(conversation).map((step) => markdownStep(conversation, step, words))].join("\n\n")}\n`;
}

function markdownStep(conversation: Conversation, { question, answers }: Step, words: FileWords): string {
  const files = question.files.map(({ name, kind, data }) => (kind === "text" && data ? `${name}:\n\n${fenced(data)}` : `[${name}]`));
  const asked = question.continues ? [`*${words.continued}*`] : [`## ${words.question}`, question.prompt, ...files];
  const told = answers.map(({ turn }) => [
    `### ${nameOf(conversation, turn)}${turn.better ? ` — ${words.better}` : ""}`,
    ...(turn.answer.reasoning ? [`${words.thought}:`, quoted(turn.answer.reasoning)] : []),
    turn.answer.content || `*${failureOf(turn)}*`,
    ...sourcesOf(turn).map(({ url, title }, at) => `${at + 1}. ${title || url}${url && title ? ` <${url}>` : ""}`),
    `*${figuresOf(turn)}*`,
  ]);
  return [...asked, ...told.flat()].filter((part) => part && part !== "**").join("\n\n");
}

function quoted(text: string): string {
  return text.trim().split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");
}

function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.replace(/\n$/, "")}\n${fence}`;
}

/** The model that answered: as it was called when it was asked. */
function nameOf({ models }: Conversation, { configId, takenFrom }: Turn): string {
  return takenFrom ?? models[configId] ?? configId;
}

function failureOf({ answer, problem }: Turn): string {
  return answer.failure?.error ?? problem?.message ?? problem?.code ?? "—";
}

function sourcesOf({ answer }: Turn): Turn["answer"]["citations"] {
  return answer.citations;
}

function figuresOf({ answer }: Turn): string {
  const { usage, timing, cost, reason } = answer.finish ?? {};
  const about = usage?.source === "estimated" ? "≈ " : "";
  const parts = [
    timing?.durationMs != null && `${(timing.durationMs / 1000).toFixed(1)} s`,
    usage && `${about}${usage.inputTokens} → ${about}${usage.outputTokens} tokens`,
    cost != null && `$${cost.toPrecision(2)}`,
    reason,
  ];
  return parts.filter(Boolean).join(" · ");
}

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE = `:root{color-scheme:light dark}body{max-width:75rem;margin:2rem auto;padding:0 1rem;font:16px/1.6 system-ui,sans-serif}
h1{font-size:1.4rem}.asked{margin:2rem 0 1rem;padding:.6rem 1rem;border-radius:.8rem;background:#7a9ea622;white-space:pre-wrap;overflow-wrap:break-word}
.answers{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr))}
article{min-width:0;padding:.2rem 1rem .8rem;border:1px solid #8886;border-radius:.8rem;overflow-wrap:break-word}
article h2{font-size:1rem}pre{overflow:auto;padding:.8rem;border-radius:.5rem;background:#8882}table{border-collapse:collapse;display:block;overflow:auto}
.math-display{overflow:auto}blockquote{margin-inline:0;padding-left:1rem;border-left:3px solid #8886}li:has(>input[type=checkbox]){list-style:none}td,th{border:1px solid #8886;padding:.2rem .6rem}details{opacity:.8;white-space:pre-wrap}footer,.files{font-size:.8rem;opacity:.7}img{max-width:min(20rem,100%);border-radius:.5rem}`;

/** One page of HTML. What sets maths is large, and fetched when there is some; without it maths stays as it was written. */
export async function pageOf(conversation: Conversation, words: FileWords, language: string): Promise<string> {
  const answers = stepsOf(conversation).flatMap((step) => step.answers.map(({ turn }) => turn.answer.content));
  const maths = answers.some((content) => withDollars(content).includes("$$"));
  const asHtml = maths ? await import("./maths").then(({ htmlWithMaths }) => htmlWithMaths, () => htmlOfMarkdown) : htmlOfMarkdown;
  return htmlOf(conversation, words, language, asHtml);
}

type AsHtml = (markdown: string) => string;

export function htmlOf(conversation: Conversation, words: FileWords, language: string, asHtml: AsHtml = htmlOfMarkdown): string {
  const title = escaped(titleOf(conversation, words));
  const { system } = conversation.parameters;
  const head = `<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>`;
  const told = system.trim() ? `<details><summary>${escaped(words.system)}</summary>${escaped(system)}</details>\n` : "";
  const steps = stepsOf(conversation).map((step) => htmlStep(conversation, step, words, asHtml)).join("\n");
  return `<!doctype html>\n<html lang="${escaped(language)}">\n<head>\n${head}\n</head>\n<body>\n<h1>${title}</h1>\n${told}${steps}\n</body>\n</html>\n`;
}

function htmlStep(conversation: Conversation, { question, answers }: Step, words: FileWords, asHtml: AsHtml): string {
  const files = question.files.map((file) => (file.kind === "image" && IMAGE.test(file.data) ? `<img src="${escaped(file.data)}" alt="${escaped(file.name)}">` : `<p class="files">${escaped(file.name)}</p>`));
  const asked = question.continues ? words.continued : question.prompt;
  return `<section>\n<div class="asked">${escaped(asked)}${files.join("")}</div>\n<div class="answers">${answers.map(({ turn }) => htmlAnswer(conversation, turn, words, asHtml)).join("")}</div>\n</section>`;
}

function htmlAnswer(conversation: Conversation, turn: Turn, words: FileWords, asHtml: AsHtml): string {
  const { reasoning, content } = turn.answer;
  const thought = reasoning ? `<details><summary>${escaped(words.thought)}</summary>${escaped(reasoning)}</details>` : "";
  const sources = sourcesOf(turn).map(({ url, title }) => `<li>${link(url, title)}</li>`).join("");
  return `<article><h2>${escaped(nameOf(conversation, turn))}${turn.better ? ` — ${escaped(words.better)}` : ""}</h2>${thought}
${content ? asHtml(content) : `<p><em>${escaped(failureOf(turn))}</em></p>`}
${sources ? `<h3>${escaped(words.sources)}</h3><ol>${sources}</ol>` : ""}<footer>${escaped(figuresOf(turn))}</footer></article>`;
}

function link(url = "", title = ""): string {
  const name = escaped(title || url);
  return /^https?:\/\//i.test(url) ? `<a href="${escaped(url)}" rel="noopener noreferrer nofollow">${name}</a>` : name;
}

const IMAGE = /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]+$/;
const EXTENSIONS = [gfm({ singleTilde: false }), { disable: { null: ["labelStartImage"] } }]; // a picture would be loaded: its address stays a link

/** Raw HTML in it is shown as text, and addresses that run something go nowhere: micromark's own rule. */
export function htmlOfMarkdown(markdown: string, extensions: readonly Extension[] = [], htmlExtensions: readonly HtmlExtension[] = []): string {
  if (isDeep(markdown)) return `<pre>${escaped(markdown)}</pre>`;
  return micromark(markdown, { extensions: [...EXTENSIONS, ...extensions], htmlExtensions: [gfmHtml(), ...htmlExtensions] });
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
