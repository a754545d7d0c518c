/** One request as programs would send it: the exact settings, and never a key. */

import type { ChatRequest } from "@headrace/client";

import { LOCAL, type ModelConfig } from "./api";

export const KINDS = ["curl", "Python", "Python · openai", "Django", "JavaScript", "Node · openai"] as const;
export type Kind = (typeof KINDS)[number];

interface Asked {
  request: ChatRequest;
  origin: string;
  project: string;
  /** The configuration as it is stored; a program that stands alone names the model in full. */
  model: ModelConfig | undefined;
  keyVariable: string | undefined;
}

export function snippet(kind: Kind, asked: Asked): string {
  return WRITERS[kind](asked);
}

const WRITERS: Record<Kind, (asked: Asked) => string> = {
  curl: ({ request, origin, project }) => {
    const url = `${origin}/api/projects/${encodeURIComponent(project)}/playground/chat/stream/`;
    const body = JSON.stringify(request, null, 2).replaceAll("'", "'\\''");
    return `curl -N '${url}' \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'\n`;
  },
  Python: ({ request, origin, project }) => {
    const { messages, model, ...fields } = request;
    const given = Object.entries(fields).map(([name, value]) => `    ${snake(name)}=${python(value, 1)},\n`).join("");
    const options = project === "default" ? "" : `, project=${python(project)}`;
    return `from headrace import Failure, TextDelta
from headrace.client import Client

messages = ${python(messages)}

with Client(${python(`${origin}/api`)}${options}) as client, client.stream(
    messages,
    ${python(model)},
${given}) as stream:
    for event in stream:
        match event:
            case TextDelta(text):
                print(text, end="", flush=True)
            case Failure():
                print(f"\\n{event.code}: {event.message}")
`;
  },
  "Python · openai": ({ request, origin, project }) => {
    const header = project === "default" ? "" : `, default_headers={"X-Headrace-Project": ${python(project)}}`;
    const given = Object.entries(openai(request)).map(([name, value]) => `    ${name}=${python(value, 1)},\n`).join("");
    return `import os

from openai import OpenAI

client = OpenAI(base_url=${python(`${origin}/v1`)}, api_key=os.environ.get("HEADRACE_TOKEN", "any")${header})
chunks = client.chat.completions.create(
${given}    stream=True,
)
for chunk in chunks:
    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
`;
  },
  Django: ({ request, model, keyVariable }) => {
    const { messages, model: _, ...fields } = request;
    const given = Object.entries(fields).map(([name, value]) => `, ${snake(name)}=${python(value, 1)}`).join("");
    return `# A view: path("ask/", ask). It needs no app, no migration, no database.
${model?.hasKey ? "import os\n\n" : ""}from headrace import LLMService, create_streaming_response

MODEL = ${named(model, keyVariable || "MODEL_API_KEY")}
MESSAGES = ${python(messages)}


async def ask(request):
    stream = await LLMService(MODEL).astream_chat(MESSAGES${given})
    return create_streaming_response(stream, request=request)
`;
  },
  JavaScript: ({ request, origin, project }) => `// In a page of this server: <script type="module">. Node has a package of its own, @headrace/client.
import { Headrace } from "${origin}/static/headrace/client.js";

const client = new Headrace({ api: "${origin}/api", project: ${JSON.stringify(project)} });
const request = ${JSON.stringify(request, null, 2)};
for await (const event of client.chat(request)) {
  if (event.type === "content") console.log(event.content);
  if (event.error) console.error(event.code, event.error);
}
`,
  "Node · openai": ({ request, origin, project }) => {
    const header = project === "default" ? "" : `, defaultHeaders: { "X-Headrace-Project": ${JSON.stringify(project)} }`;
    return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.HEADRACE_TOKEN ?? "any"${header} });
const chunks = await client.chat.completions.create(${JSON.stringify({ ...openai(request), stream: true }, null, 2)});
for await (const chunk of chunks) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
`;
  },
};

/** A model in full, its key left to the environment. */
function named(model: ModelConfig | undefined, variable: string): string {
  const { providerId = LOCAL, endpoint, modelId, hasKey } = model ?? {};
  const fields = Object.entries({ providerId, endpoint, modelId }).filter(([, value]) => value);
  const lines = fields.map(([name, value]) => `    ${JSON.stringify(name)}: ${python(value)},\n`);
  if (hasKey) lines.push(`    "apiKey": os.environ[${JSON.stringify(variable)}],\n`);
  return `{\n${lines.join("")}}`;
}

/** The request in OpenAI's words; what is left to the model is left out. */
function openai({ messages, model, ...fields }: ChatRequest): Record<string, unknown> {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return { model: "configId" in model ? model.configId : model.modelId, messages, ...Object.fromEntries(given.map(([name, value]) => [snake(name), value])) };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A JSON value as Python writes it. JSON's strings are Python's, lone surrogates included. */
function python(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const items = Array.isArray(value)
    ? value.map((each) => python(each, depth + 1))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each, depth + 1)}`);
  const [opens, closes] = Array.isArray(value) ? "[]" : "{}";
  const short = `${opens}${items.join(", ")}${closes}`;
  if (short.length <= 80 && !short.includes("\n")) return short;
  return `${opens}\n${items.map((item) => `${inner}${item},\n`).join("")}${"    ".repeat(depth)}${closes}`;
}
