/** Conversations out of a file: each part is looked at before it is believed, and everything is bounded. */

import { NO_ANSWER } from "@headrace/client";
import * as v from "valibot";

import { MOST_ATTACHED } from "../attachments";
import { parametersIn } from "../parameters";
import { MOST_PANES, newId, newTurn, type Pane, type Turn } from "../state";
import { titleIn, type Conversation } from "./conversation";
import { FORMAT, VERSION } from "./format";

export const MOST_BYTES = 100 * 1024 * 1024; // some hundred conversations with pictures
const MOST_CONVERSATIONS = 5000;
const MOST_TURNS = 5000;
const MOST_TEXT = 4 * 1024 * 1024; // characters: the longest answer that the server lets through
const MOST_FILE = 2_000_000; // characters of a picture or a text file
const MOST_LIST = 1024;
const LONGEST_NAME = 512; // characters
const IMAGE = /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]*$/;

/** Why a file was not taken; `place` says where in it, `said` what is wrong there. */
export class NotImported extends Error {
  constructor(readonly why: "tooLarge" | "notJson" | "notOurs" | "newer" | "invalid", readonly place = "", readonly said = "") {
    super(`${why} ${place} ${said}`);
  }
}

const text = v.pipe(v.string(), v.maxLength(MOST_TEXT));
const name = v.pipe(v.string(), v.maxLength(LONGEST_NAME));
const number = v.pipe(v.number(), v.finite());
const time = v.pipe(number, v.minValue(0), v.maxValue(8.64e15)); // what a date can be
const count = v.pipe(number, v.minValue(0));

const file = v.pipe(
  v.object({ id: name, name, kind: v.picklist(["image", "text"]), data: v.pipe(v.string(), v.maxLength(MOST_FILE)) }),
  v.check(({ kind, data }) => kind === "text" || data === "" || IMAGE.test(data), "a picture is a data: URL of PNG, JPEG, WebP or GIF"),
);

const finish = v.object({
  type: v.literal("finish"),
  reason: v.picklist(["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]),
  providerReason: v.optional(name, ""),
  usage: v.optional(v.nullable(v.object({ inputTokens: count, outputTokens: count, reasoningTokens: count, cachedTokens: count, source: v.picklist(["reported", "estimated"]) })), null),
  timing: v.optional(v.nullable(v.object({ ttftMs: v.nullable(number), durationMs: v.nullable(number), tokensPerSecond: v.nullable(number) })), null),
  cost: v.exactOptional(number),
  attempts: v.optional(count, 1),
  answeredBy: v.exactOptional(v.object({ configId: name, provider: name, model: name })),
});

const citation = v.object({
  type: v.optional(v.literal("citation"), "citation"),
  url: v.exactOptional(text), title: v.exactOptional(text), text: v.exactOptional(text), quote: v.exactOptional(text), start: v.exactOptional(number), end: v.exactOptional(number),
});

const answer = v.object({
  content: v.optional(text, ""),
  reasoning: v.optional(text, ""),
  toolCalls: v.optional(v.pipe(v.array(v.object({ id: name, name, arguments: text })), v.maxLength(MOST_LIST)), []),
  citations: v.optional(v.pipe(v.array(citation), v.maxLength(MOST_LIST)), []),
  finish: v.optional(finish),
  failure: v.optional(v.object({ error: text, code: v.optional(name, "upstream_error"), status: v.exactOptional(number), retryable: v.exactOptional(v.boolean()) })),
});

const turn = v.object({
  prompt: text,
  files: v.optional(v.pipe(v.array(file), v.maxLength(MOST_ATTACHED)), []),
  continues: v.exactOptional(v.boolean()),
  answer,
  asked: time,
  configId: name,
  parameters: v.exactOptional(v.unknown()),
  samples: v.exactOptional(v.pipe(v.array(v.tuple([number, number])), v.maxLength(MOST_LIST))),
  takenFrom: v.exactOptional(name),
  better: v.exactOptional(v.boolean()),
  thinkingMs: v.exactOptional(number),
  problem: v.exactOptional(v.object({ code: name, message: text })),
});

const conversation = v.object({
  title: v.optional(text, ""),
  pinned: v.optional(v.boolean(), false),
  models: v.optional(v.record(name, name), {}),
  parameters: v.exactOptional(v.unknown()),
  panes: v.pipe(
    v.array(v.object({ configId: name, parameters: v.exactOptional(v.unknown()), turns: v.pipe(v.array(turn), v.maxLength(MOST_TURNS)) })),
    v.minLength(1),
    v.maxLength(MOST_PANES),
  ),
});

const conversations = v.object({ conversations: v.pipe(v.array(conversation), v.maxLength(MOST_CONVERSATIONS)) });

/** Each as a new conversation of its own; throws `NotImported` where any part is not what it has to be. */
export function conversationsIn(json: string): Conversation[] {
  const found = parsed(json) as { format?: unknown; version?: unknown } | null;
  if (found?.format !== FORMAT) throw new NotImported("notOurs");
  if (found.version !== VERSION) throw new NotImported("newer", "version", String(found.version));
  const result = v.safeParse(conversations, found);
  if (result.success) return result.output.conversations.map(made);
  const [issue] = result.issues;
  throw new NotImported("invalid", v.getDotPath(issue) ?? "", issue.message);
}

function parsed(json: string): unknown {
  if (json.length > MOST_BYTES) throw new NotImported("tooLarge");
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw new NotImported("notJson");
  }
}

function made({ panes, parameters, title, pinned, models }: v.InferOutput<typeof conversation>): Conversation {
  const whole = panes.map((pane): Pane => ({
    id: newId(),
    configId: pane.configId,
    turns: pane.turns.map(madeTurn),
    ...(pane.parameters === undefined ? {} : { parameters: parametersIn(pane.parameters) }),
  }));
  return { id: newId(), title: titleIn(title), pinned, models, parameters: parametersIn(parameters), panes: whole };
}

function madeTurn({ answer: told, parameters, files, ...rest }: v.InferOutput<typeof turn>): Turn {
  const whole = { ...NO_ANSWER, ...told, finish: told.finish, failure: told.failure };
  return { ...newTurn(rest.prompt, files), ...rest, phase: "closed", parameters: parametersIn(parameters), answer: whole };
}
