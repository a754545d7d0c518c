// What useChat of the AI SDK runs on, without a page: node use_chat.mjs WHAT ADDRESS MODEL
// What a page would show is printed as one JSON object; a test compares it.
import { AbstractChat, DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls } from "ai";

const [what, api, model] = process.argv.slice(2);

/** The state that a framework keeps for its page: here, plain values. */
class State {
  status = "ready";
  error = undefined;
  messages = [];
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (index, message) => (this.messages = this.messages.with(index, structuredClone(message)));
  snapshot = (value) => structuredClone(value);
}

class Chat extends AbstractChat {
  constructor(options = {}) {
    super({ state: new State(), transport: new DefaultChatTransport({ api, body: { model, temperature: 0.5 } }), ...options });
  }
}

const shown = (chat, finish) => ({
  status: chat.status,
  error: chat.error && String(chat.error.message),
  finish,
  parts: chat.messages.flatMap((message) => (message.role === "assistant" ? message.parts : [])),
  metadata: chat.lastMessage?.metadata,
});

async function ask(chat) {
  await chat.sendMessage({ text: "Tell me about rivers." });
  return chat;
}

const acts = {
  async stream() {
    let finish;
    return shown(await ask(new Chat({ onFinish: (event) => (finish = event.finishReason), onError() {} })), finish);
  },
  async tools() {
    const chat = new Chat({
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
      onToolCall: ({ toolCall }) => {
        const output = `fine in ${toolCall.input.city}`;
        chat.addToolOutput({ tool: toolCall.toolName, toolCallId: toolCall.toolCallId, output });
      },
    });
    await ask(chat);
    while (chat.status !== "ready" || !chat.lastMessage.parts.some((part) => part.type === "text")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return shown(chat);
  },
  async cancel() {
    const chat = new Chat();
    const asked = ask(chat);
    while (!chat.lastMessage?.parts?.some((part) => part.type === "text" && part.text === "Hel")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await chat.stop();
    await asked;
    return shown(chat);
  },
};
console.log(JSON.stringify(await acts[what]()));
// The process stays until the test has looked at the upstream: its end would close the connection by itself.
if (what === "cancel") setTimeout(() => {}, 20_000);
