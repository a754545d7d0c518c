// @vitest-environment jsdom
import { afterEach, describe, expect, it } from "vitest";

import { EventStream, StreamErrorEvent } from "../src/index.js";
import { HEAD, ScriptedServer, bytes, cursor, cut, events, type Respond } from "./server.js";

const PATH = "/api/projects/xxx/playground/chat/stream/";
const patience = { first: 1, most: 4, giveUpAfter: 1000 };
const servers: ScriptedServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(respond: Respond): Promise<{ server: ScriptedServer; url: string }> {
  const server = new ScriptedServer(respond);
  servers.push(server);
  return { server, url: (await server.listen()) + PATH };
}

const INIT = { method: "POST", body: JSON.stringify({ messages: [], model: {}, streamOptions: { includeUsage: true } }), patience };

describe("the seed's page, its import changed", () => {
  it("reads a broken stream whole, and never parses [DONE]", async () => {
    const log = events(10);
    const { server, url } = await serve((asked, response) => {
      const data = bytes(log, cursor(asked));
      if (data.length > 300) cut(response, data.subarray(0, 250));
      else response.writeHead(200, HEAD).end(data);
    });
    let content = "";
    let reasoning = "";
    let thinking = 0;
    const source = new EventStream(url, INIT);
    source.onmessage = (event) => {
      if (event.data === "[DONE]") return source.close();
      const data = JSON.parse(event.data) as { type: string; content: string };
      if (data.type === "content") content += data.content;
      else if (data.content === "<think>") thinking += 1;
      else if (data.content === "</think>") thinking -= 1;
      else reasoning += data.content;
    };
    await expect.poll(() => source.readyState).toBe(EventStream.CLOSED);
    expect({ content, reasoning, thinking }).toEqual({
      content: log.slice(3).map((event) => (event as { content: string }).content).join(""),
      reasoning: "想",
      thinking: 0,
    });
    expect(JSON.parse(server.asked[0]?.body ?? "").streamOptions).toEqual({
      includeUsage: true,
      includeIds: true,
      onDisconnect: "continue",
    });
    expect(server.asked[1]?.url).toBe("/api/projects/xxx/playground/streams/stream-1/?includeIds=true");
  });
});

describe("EventStream", () => {
  it("goes through EventSource's states and events", async () => {
    const log = events(2);
    const { url } = await serve((asked, response, number) => {
      if (number === 1) cut(response, bytes(log, 0).subarray(0, 100));
      else response.writeHead(200, HEAD).end(bytes(log, cursor(asked)));
    });
    const seen: string[] = [];
    const source = new EventStream(url, INIT);
    expect([source.readyState, source.url, source.withCredentials]).toEqual([0, url, false]);
    for (const name of ["open", "error", "message"]) source.addEventListener(name, () => seen.push(`${name} ${source.readyState}`));
    await expect.poll(() => source.readyState).toBe(2);
    expect(seen.filter((each) => !each.startsWith("message"))).toEqual(["open 1", "error 0", "open 1"]);
    expect(seen.filter((each) => each.startsWith("message"))).toHaveLength(log.length);
  });

  it("delivers [DONE] where it is asked for, as the last message", async () => {
    const { url } = await serve((_, response) => void response.writeHead(200, HEAD).end(bytes(events(1), 0)));
    const found: [string, string][] = [];
    const source = new EventStream(url, { ...INIT, done: true });
    source.onmessage = ({ data, lastEventId }) => found.push([data, lastEventId]);
    await expect.poll(() => source.readyState).toBe(2);
    expect(found.at(-1)?.[0]).toBe("[DONE]");
    expect(found.map(([, id]) => id)).toEqual(["1", "2", "3", "4", "4"]);
  });

  it("is closed by a refusal, with what the server said", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(404, { "Content-Type": "application/json" }).end('{"error": "no such project", "code": "project_not_found"}');
    });
    const source = new EventStream(url, INIT);
    const event = await new Promise<Event>((resolve) => (source.onerror = resolve));
    expect(event).toBeInstanceOf(StreamErrorEvent);
    expect((event as StreamErrorEvent).error).toMatchObject({ code: "project_not_found", status: 404 });
    expect(source.readyState).toBe(2);
  });

  it("closed in the middle, stops the stream that it has started", async () => {
    const { server, url } = await serve((asked, response) => {
      if (asked.method === "DELETE") response.writeHead(204).end();
      else response.writeHead(200, HEAD).write(bytes(events(1), 0).subarray(0, 80));
    });
    const source = new EventStream(url, INIT);
    const found: string[] = [];
    source.onmessage = ({ data }) => {
      found.push(data);
      source.close();
    };
    await expect.poll(() => server.asked.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
    expect([found.length, source.readyState]).toEqual([1, 2]);
  });

  it("joins a stream by GET, and only leaves it when closed", async () => {
    const log = events(3);
    const { server, url } = await serve((asked, response) => {
      const data = bytes(log, cursor(asked));
      if (data.length > 150) cut(response, data.subarray(0, 150));
      else response.writeHead(200, HEAD).end(data);
    });
    const found: unknown[] = [];
    const source = new EventStream(new URL("/api/projects/xxx/playground/streams/stream-1/", url), { patience });
    source.onmessage = ({ data }) => found.push(JSON.parse(data));
    await expect.poll(() => source.readyState).toBe(2);
    source.close();
    expect(found).toEqual(log);
    expect(new Set(server.asked.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });

  it("refuses methods that start nothing", () => {
    expect(() => new EventStream("http://127.0.0.1:1/", { method: "PUT" })).toThrow(/GET or POST/);
  });
});

describe("Django's token", () => {
  it("goes to the page's own origin and to no other", async () => {
    const { csrfHeaders } = await import("../src/csrf.js");
    document.cookie = "csrftoken=a%20b";
    expect(csrfHeaders("/api/x")).toEqual({ "X-CSRFToken": "a b" });
    expect(csrfHeaders("https://elsewhere.example/api/x")).toEqual({});
    expect(csrfHeaders("/api/x", "given")).toEqual({ "X-CSRFToken": "given" });
    expect(csrfHeaders("/api/x", false)).toEqual({});
    document.cookie = "csrftoken=; max-age=0";
    document.body.innerHTML = '<input type="hidden" name="csrfmiddlewaretoken" value="field">';
    expect(csrfHeaders("/api/x")).toEqual({ "X-CSRFToken": "field" });
  });
});
