import { afterEach, describe, expect, it } from "vitest";

import { Headrace, HeadraceError, type ChatRequest, type StreamEvent } from "../src/index.js";
import { HEAD, STREAM_ID, ScriptedServer, bytes, cursor, cut, events, type Respond } from "./server.js";

const REQUEST: ChatRequest = { messages: [{ role: "user", content: "hi" }], model: { providerId: "local" } };
const QUICK = { first: 1, most: 4, giveUpAfter: 2000, idle: 2000 };
const servers: ScriptedServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(respond: Respond, patience = QUICK): Promise<{ server: ScriptedServer; client: Headrace }> {
  const server = new ScriptedServer(respond);
  servers.push(server);
  return { server, client: new Headrace({ api: `${await server.listen()}/api`, patience }) };
}

async function collected(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const found: StreamEvent[] = [];
  for await (const event of stream) found.push(event);
  return found;
}

function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
}

describe("a stream that breaks", () => {
  const log = events(40);

  it.each(Array.from({ length: 20 }, (_, seed) => seed))("at random bytes is read once and whole (%i)", async (seed) => {
    const dice = random(seed + 1);
    const { server, client } = await serve((asked, response) => {
      const data = bytes(log, cursor(asked));
      const length = Math.ceil(dice() * Math.min(data.length, 700));
      if (length >= data.length) response.writeHead(200, HEAD).end(data);
      else cut(response, data.subarray(0, length));
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
    expect(server.asked.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  it("in good order, without its end, is joined again", async () => {
    const { server, client } = await serve((asked, response) => {
      const data = bytes(log, cursor(asked));
      response.writeHead(200, HEAD).end(asked.method === "POST" ? data.subarray(0, 200) : data);
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
    expect(server.asked).toHaveLength(2);
  });

  it("asks for what resuming needs", async () => {
    const { server, client } = await serve((asked, response) => {
      const data = bytes(log, cursor(asked));
      if (asked.method === "POST") cut(response, data.subarray(0, data.indexOf("id: 4")));
      else response.writeHead(200, HEAD).end(data);
    });
    const stream = client.chat(REQUEST);
    await collected(stream);
    const [post, get] = server.asked;
    expect(JSON.parse(post?.body ?? "")).toEqual({
      ...REQUEST,
      streamOptions: { includeUsage: true, includeIds: true, onDisconnect: "continue" },
    });
    expect(post?.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
    expect(get?.url).toBe(`/api/projects/default/playground/streams/${STREAM_ID}/?includeUsage=true&includeIds=true`);
    expect(get?.headers["last-event-id"]).toBe("3");
    expect([stream.id, stream.position, stream.phase]).toEqual([STREAM_ID, log.length, "closed"]);
  });

  it("delivers nothing twice when the server repeats, and goes back where it skips", async () => {
    const { client } = await serve((asked, response, number) => {
      if (number === 1) cut(response, bytes(log, 0).subarray(0, 300));
      else if (number === 2) response.writeHead(200, HEAD).end(bytes(log, cursor(asked) + 2));
      else response.writeHead(200, HEAD).end(bytes(log, Math.max(0, cursor(asked) - 2)));
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
  });

  it("is left for dead when it falls silent", async () => {
    const { server, client } = await serve(
      (asked, response) => {
        response.writeHead(200, HEAD);
        if (asked.method === "POST") response.write(bytes(log, 0).subarray(0, 200));
        else response.end(bytes(log, cursor(asked)));
      },
      { ...QUICK, idle: 60 },
    );
    expect(await collected(client.chat(REQUEST))).toEqual(log);
    expect(server.asked).toHaveLength(2);
  });

  it("waits out a page that some network shows instead of the stream", async () => {
    const { client } = await serve((asked, response, number) => {
      if (number === 1) cut(response, bytes(log, 0).subarray(0, 200));
      else if (number === 2) response.writeHead(200, { "Content-Type": "text/html" }).end("<p>Log in</p>");
      else response.writeHead(200, HEAD).end(bytes(log, cursor(asked)));
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
  });

  it.each([500, 502, 511, 521])("waits out a %i on the way back", async (status) => {
    const { client } = await serve((asked, response, number) => {
      if (number === 1) cut(response, bytes(log, 0).subarray(0, 200));
      else if (number === 2) response.writeHead(status, { "Content-Type": "text/html" }).end("<p>Sorry</p>");
      else response.writeHead(200, HEAD).end(bytes(log, cursor(asked)));
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
  });

  it("waits as long as Retry-After says", async () => {
    let refused = 0;
    const { client } = await serve((asked, response, number) => {
      if (number === 1) return cut(response, bytes(log, 0).subarray(0, 200));
      if (number === 2) {
        refused = Date.now();
        return void response.writeHead(503, { "Retry-After": "1" }).end();
      }
      response.writeHead(200, HEAD).end(bytes(log, cursor(asked)));
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
    expect(Date.now() - refused).toBeGreaterThanOrEqual(1000);
  });

  it.each([
    [404, "stream_not_found"],
    [410, "cursor_expired"],
    [400, "bad_request"],
    [403, "origin_refused"],
  ])("is lost at once where the server answers %i", async (status, code) => {
    const { server, client } = await serve((asked, response) => {
      if (asked.method === "POST") return cut(response, bytes(log, 0).subarray(0, 200));
      response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ error: "gone", code }));
    });
    const found: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of client.chat(REQUEST)) found.push(event);
    })();
    await expect(reading).rejects.toMatchObject({ code, status, message: "gone", streamId: STREAM_ID });
    await expect(reading).rejects.toBeInstanceOf(HeadraceError);
    expect(found).toEqual(log.slice(0, found.length));
    expect(server.asked).toHaveLength(2);
  });

  it("is given up when it never comes back", async () => {
    const { client } = await serve(
      (asked, response) => {
        if (asked.method === "POST") cut(response, bytes(log, 0).subarray(0, 200));
        else response.destroy();
      },
      { ...QUICK, giveUpAfter: 60 },
    );
    await expect(collected(client.chat(REQUEST))).rejects.toMatchObject({ code: "gave_up", streamId: STREAM_ID });
  });
});

describe("a start", () => {
  it("that breaks before its answer is sent again under the same key", async () => {
    const log = events(2);
    const { server, client } = await serve((_, response, number) => {
      if (number === 1) response.destroy();
      else response.writeHead(200, HEAD).end(bytes(log, 0));
    });
    expect(await collected(client.chat(REQUEST))).toEqual(log);
    expect(new Set(server.asked.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  it("that is refused says why, and is not repeated", async () => {
    const { server, client } = await serve((_, response) => {
      response.writeHead(400, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: "messages: field required", code: "bad_request", field: "messages" }));
    });
    await expect(collected(client.chat(REQUEST))).rejects.toMatchObject({ code: "bad_request", field: "messages", status: 400 });
    expect(server.asked).toHaveLength(1);
  });

  it("at a server that is not there fails soon", async () => {
    const { server, client } = await serve(() => undefined);
    await server.close();
    await expect(collected(client.chat(REQUEST))).rejects.toMatchObject({ code: "unreachable" });
  });

  it("that a page answers is no stream", async () => {
    const { client } = await serve((_, response) => void response.writeHead(200, { "Content-Type": "text/html" }).end("<p>"));
    await expect(collected(client.chat(REQUEST))).rejects.toMatchObject({ code: "not_a_stream" });
  });
});

describe("ending", () => {
  const LOG = bytes(events(3), 0);
  const HALF = LOG.subarray(0, LOG.indexOf("id: 3"));

  function holding(): Respond {
    let open: (() => void) | undefined;
    return (asked, response) => {
      if (asked.method === "DELETE") {
        response.writeHead(204).end();
        return open?.();
      }
      response.writeHead(200, HEAD).write(HALF);
      open = () => response.end("id: 3\ndata: {\"type\": \"finish\", \"reason\": \"cancelled\"}\n\ndata: [DONE]\n\n");
    };
  }

  it("stop ends the stream at the server, and the reader is told", async () => {
    const { server, client } = await serve(holding());
    const stream = client.chat(REQUEST);
    const found: StreamEvent[] = [];
    for await (const event of stream) {
      found.push(event);
      if (found.length === 1) await stream.stop();
    }
    expect(found.at(-1)).toMatchObject({ type: "finish", reason: "cancelled" });
    expect(server.asked.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  });

  it("an aborted signal stops it too, and throws", async () => {
    const { server, client } = await serve(holding());
    const leaving = new AbortController();
    const reading = (async () => {
      for await (const _ of client.chat(REQUEST, { signal: leaving.signal })) leaving.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => server.asked.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  });

  it("a signal aborted before the server has answered stops what it then names", async () => {
    let answer: (() => void) | undefined;
    const { server, client } = await serve((asked, response) => {
      if (asked.method === "DELETE") response.writeHead(204).end();
      else answer = () => void response.writeHead(200, HEAD).write(HALF);
    });
    const leaving = new AbortController();
    const reading = collected(client.chat(REQUEST, { signal: leaving.signal }));
    await expect.poll(() => server.asked).toHaveLength(1);
    leaving.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    answer?.();
    await expect.poll(() => server.asked.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  });

  it("what was stopped is not asked again where the line breaks before its first word", async () => {
    let cutting: (() => void) | undefined;
    const { server, client } = await serve((asked, response) => {
      if (asked.method === "POST") {
        response.writeHead(200, HEAD).flushHeaders();
        cutting = () => response.destroy();
      } else if (asked.method === "DELETE") response.writeHead(204).end(cutting);
      else response.writeHead(200, HEAD).end(`id: 1\ndata: {"type": "finish", "reason": "cancelled"}\n\ndata: [DONE]\n\n`);
    });
    const stream = client.chat(REQUEST);
    const reading = collected(stream);
    await expect.poll(() => stream.id).toBe(STREAM_ID);
    await stream.stop();
    expect(await reading).toMatchObject([{ type: "finish", reason: "cancelled" }]);
    expect(server.asked.map(({ method }) => method)).toEqual(["POST", "DELETE", "GET"]);
  });

  it("a stop is over at once where the server refuses the start", async () => {
    let refuse: (() => void) | undefined;
    const { server, client } = await serve((_, response) => {
      refuse = () => void response.writeHead(403, { "Content-Type": "application/json" }).end('{"code": "no"}');
    });
    const stream = client.chat(REQUEST);
    const reading = collected(stream);
    await expect.poll(() => server.asked).toHaveLength(1);
    const began = Date.now();
    const stopping = stream.stop();
    refuse?.();
    await expect(reading).rejects.toMatchObject({ code: "no" });
    await stopping;
    expect(Date.now() - began).toBeLessThan(3000);
  });

  it("what is stopped, left or aborted before it is read asks nothing, and is closed", async () => {
    const { server, client } = await serve(holding());
    const stopped = client.chat(REQUEST);
    await stopped.stop();
    const left = client.chat(REQUEST);
    left.close();
    expect([...(await collected(stopped)), ...(await collected(left))]).toEqual([]);
    const aborted = client.chat(REQUEST, { signal: AbortSignal.abort() });
    await expect(collected(aborted)).rejects.toMatchObject({ name: "AbortError" });
    expect([stopped.phase, left.phase, aborted.phase]).toEqual(["closed", "closed", "closed"]);
    expect(server.asked).toEqual([]);
  });

  it("leaving the loop leaves it running; join goes on where it was", async () => {
    const log = events(5);
    const { server, client } = await serve((asked, response) => {
      response.writeHead(200, HEAD).end(bytes(log, cursor(asked)));
    });
    const stream = client.chat(REQUEST);
    const found: StreamEvent[] = [];
    for await (const event of stream) {
      found.push(event);
      if (found.length === 2) break;
    }
    expect(stream.position).toBe(2); // all of them have come at once
    const rest = await collected(client.join(stream.id ?? "", { after: stream.position }));
    expect([...found, ...rest]).toEqual(log);
    expect(server.asked.map(({ method }) => method)).toEqual(["POST", "GET"]);
  });
});
