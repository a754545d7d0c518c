/** A server of one stream, over real sockets: it knows the whole log, and breaks connections where it is told to. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Asked {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export type Respond = (asked: Asked, response: ServerResponse, number: number) => void;

export const STREAM_ID = "stream-1";

export class ScriptedServer {
  readonly asked: Asked[] = [];
  #server: Server;

  constructor(respond: Respond) {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const asked = {
          method: request.method ?? "",
          url: request.url ?? "",
          headers: request.headers,
          body: Buffer.concat(parts).toString(),
        };
        this.asked.push(asked);
        respond(asked, response, this.asked.length);
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function events(count: number): object[] {
  const texts = Array.from({ length: count }, (_, at) => ({ type: "content", content: `第${at + 1}块 ` }));
  return [{ type: "reasoning", content: "<think>" }, { type: "reasoning", content: "想" }, { type: "reasoning", content: "</think>" }, ...texts];
}

/** The bytes of the log after a cursor, `[DONE]` included. */
export function bytes(log: readonly object[], after: number): Buffer {
  const lines = log.slice(after).map((event, at) => `id: ${after + at + 1}\ndata: ${JSON.stringify(event)}\n\n`);
  return Buffer.from(`${lines.join("")}data: [DONE]\n\n`);
}

export const HEAD = { "Content-Type": "text/event-stream", "X-Stream-Id": STREAM_ID };

export function cursor({ headers }: Asked): number {
  return Number(headers["last-event-id"] ?? 0);
}

/** Sends that many bytes, waits until they have left, and cuts the connection. */
export function cut(response: ServerResponse, data: Buffer): void {
  response.writeHead(200, HEAD);
  response.write(data, () => setImmediate(() => response.destroy()));
}
