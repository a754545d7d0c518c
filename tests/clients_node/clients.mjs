// The real clients in JavaScript, one thing at a time: node clients.mjs CLIENT WHAT BASE_URL MODEL
// What a person's program would see is printed as one JSON object; a test compares it.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const [client, what, baseURL, model] = process.argv.slice(2);
const apiKey = process.env.CALLERS_KEY;
const messages = [{ role: "user", content: "Tell me about rivers." }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function", function: { name: "weather", description: "The weather.", parameters } };

async function gather(stream, found = { content: "", reasoning: "", finish: null, usage: null }) {
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    found.content += choice?.delta.content ?? "";
    found.reasoning += choice?.delta.reasoning_content ?? "";
    found.finish = choice?.finish_reason ?? found.finish;
    found.usage = chunk.usage?.total_tokens ?? found.usage;
  }
  return found;
}

const ofOpenAI = (openai) => ({
  async stream() {
    const asked = { model, messages, stream: true, stream_options: { include_usage: true } };
    return gather(await openai.chat.completions.create(asked));
  },
  async whole() {
    const { choices, usage } = await openai.chat.completions.create({ model, messages });
    const { content, reasoning_content: reasoning } = choices[0].message;
    return { content, reasoning, finish: choices[0].finish_reason, usage: usage.total_tokens };
  },
  async tools() {
    const runner = openai.chat.completions.runTools({
      model,
      messages,
      stream: true,
      tools: [{ ...weather, function: { ...weather.function, parse: JSON.parse, function: ({ city }) => `fine in ${city}` } }],
    });
    return { content: await runner.finalContent() };
  },
  async error() {
    const asked = { model, messages, stream: true };
    const { status, code, message } = await openai.chat.completions.create(asked, { maxRetries: 0 }).catch((error) => error);
    return { status, code, message };
  },
  async broken() {
    const found = { content: "", reasoning: "" };
    const stream = await openai.chat.completions.create({ model, messages, stream: true });
    const error = await gather(stream, found).catch((error) => error);
    return { content: found.content, message: error.message };
  },
  async cancel() {
    const stream = await openai.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) {
        stream.controller.abort();
        return { content: chunk.choices[0].delta.content };
      }
    }
  },
});

const ofAI = (provider) => {
  const quiet = { model: provider(model), prompt: "Tell me about rivers.", maxRetries: 0, onError() {} };
  const tools = {
    weather: tool({ description: "The weather.", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `fine in ${city}` }),
  };
  return {
    async stream() {
      const result = streamText(quiet);
      const parts = { "text-delta": "", "reasoning-delta": "" };
      for await (const part of result.fullStream) if (part.type in parts) parts[part.type] += part.text;
      const [finish, usage] = await Promise.all([result.finishReason, result.usage]);
      return { content: parts["text-delta"], reasoning: parts["reasoning-delta"], finish, usage: usage.totalTokens };
    },
    async whole() {
      const { text, reasoningText, finishReason, usage } = await generateText(quiet);
      return { content: text, reasoning: reasoningText, finish: finishReason, usage: usage.totalTokens };
    },
    async tools() {
      return { content: await streamText({ ...quiet, tools, stopWhen: stepCountIs(2) }).text };
    },
    async error() {
      for await (const part of streamText(quiet).fullStream) {
        if (part.type === "error") {
          const told = JSON.parse(part.error.responseBody).error;
          return { status: part.error.statusCode, code: told.code, message: part.error.message };
        }
      }
    },
    async broken() {
      const found = { content: "" };
      for await (const part of streamText(quiet).fullStream) {
        if (part.type === "text-delta") found.content += part.text;
        if (part.type === "error") found.message = part.error.message ?? String(part.error);
      }
      return found;
    },
    async cancel() {
      const leaving = new AbortController();
      for await (const text of streamText({ ...quiet, abortSignal: leaving.signal }).textStream) {
        leaving.abort();
        return { content: text };
      }
    },
  };
};

const clients = {
  openai: () => ofOpenAI(new OpenAI({ baseURL, apiKey })),
  ai: () => ofAI(createOpenAICompatible({ name: "headrace", baseURL, apiKey, includeUsage: true })),
};
console.log(JSON.stringify(await clients[client]()[what]()));
// The process stays until the test has looked at the upstream: its end would close the connection by itself.
if (what === "cancel") setTimeout(() => {}, 20_000);
