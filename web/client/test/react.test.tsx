// @vitest-environment jsdom
import { act, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeAll, describe, expect, it } from "vitest";

import { Headrace, type ChatRequest } from "../src/index.js";
import { useStream, type UseStream } from "../src/react.js";
import { HEAD, STREAM_ID, ScriptedServer, bytes, cursor, events, type Respond } from "./server.js";

const REQUEST: ChatRequest = { messages: [{ role: "user", content: "hi" }], model: { providerId: "local" } };
const LOG = events(3);
const opened: ScriptedServer[] = [];
const roots: Root[] = [];
let shown: UseStream;

beforeAll(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
});

afterEach(async () => {
  await act(() => roots.splice(0).forEach((root) => root.unmount()));
  await Promise.all(opened.splice(0).map((server) => server.close()));
  sessionStorage.clear();
});

function Shown({ client }: { client: Headrace }): null {
  shown = useStream({ client, keep: "kept" });
  return null;
}

async function show(respond: Respond): Promise<{ server: ScriptedServer; root: Root }> {
  const server = new ScriptedServer(respond);
  opened.push(server);
  const client = new Headrace({ api: `${await server.listen()}/api`, patience: { first: 1, most: 4 } });
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  roots.push(root);
  await act(async () => root.render(<StrictMode><Shown client={client} /></StrictMode>));
  return { server, root };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 4000;
  while (!condition()) {
    expect(Date.now()).toBeLessThan(deadline);
    await act(() => new Promise((resolve) => setTimeout(resolve, 5)));
  }
}

describe("useStream", () => {
  it("shows the answer as it grows, and its end", async () => {
    await show((asked, response) => void response.writeHead(200, HEAD).end(bytes(LOG, cursor(asked))));
    expect(shown.phase).toBe("idle");
    await act(async () => shown.start(REQUEST));
    await until(() => shown.phase === "closed");
    expect(shown.answer).toMatchObject({ content: "第1块 第2块 第3块 ", reasoning: "想", thinking: false });
    expect(shown.error).toBeUndefined();
    expect(sessionStorage.getItem("kept")).toBeNull();
  });

  it("finds a stream again that was under way when the page was left", async () => {
    let end: (() => void) | undefined;
    const respond: Respond = (asked, response) => {
      if (asked.method === "GET") return void response.writeHead(200, HEAD).end(bytes(LOG, cursor(asked)));
      const data = bytes(LOG, 0);
      response.writeHead(200, HEAD).write(data.subarray(0, data.indexOf("id: 5")));
      end = () => response.end();
    };
    const { server, root } = await show(respond);
    await act(async () => shown.start(REQUEST));
    await until(() => shown.answer.content === "第1块 ");
    await act(() => root.unmount());
    roots.length = 0;
    expect(sessionStorage.getItem("kept")).toBe(STREAM_ID);
    expect(server.asked.map(({ method }) => method)).toEqual(["POST"]);
    end?.();
    await show(respond);
    await until(() => shown.phase === "closed");
    expect(shown.answer.content).toBe("第1块 第2块 第3块 ");
  });

  it("shows a refusal as its error", async () => {
    await show((_, response) => {
      response.writeHead(400, { "Content-Type": "application/json" }).end('{"error": "no", "code": "bad_request"}');
    });
    await act(async () => shown.start(REQUEST));
    await until(() => shown.phase === "closed");
    expect(shown.error).toMatchObject({ code: "bad_request" });
  });
});
