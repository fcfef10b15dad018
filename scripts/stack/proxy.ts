// Forwards requests to a server on another port, or to a fetch handler in this process. Bodies are streamed both ways.

import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as WebStream } from "node:stream/web";
import { errorCode } from "../lib/errors.ts";

/** Keeps connections open for less time than the servers do, so that a reused connection is never already closed. */
const agent = new Agent({
  keepAlive: true,
  maxSockets: 256,
  maxFreeSockets: 64,
  timeout: 10_000,
  scheduling: "lifo",
});

const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "upgrade",
];

export class TooLarge extends Error {}

/** How the gateway forwards a request. */
export interface Forward {
  /** Path and query at the target. */
  path: string;
  authorization: string | undefined;
  /** Headers to set on the answer. */
  answerHeaders: OutgoingHttpHeaders;
  /** The largest accepted body, in bytes. */
  limit: number;
}

/**
 * Forwards the request to 127.0.0.1:`port` and the answer to the client.
 *
 * @throws TooLarge when the body exceeds the limit
 * @throws the connection's error when it fails before the answer begins
 */
export function toPort(
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
  forward: Forward,
): Promise<void> {
  checkLength(request, forward.limit);
  return new Promise((resolve, reject) => {
    const upstream = httpRequest({
      agent,
      host: "127.0.0.1",
      port,
      method: request.method,
      path: forward.path,
      headers: forwardedHeaders(request, forward),
    });
    upstream.on("response", (answer) => {
      const headers = withoutHopByHop(answer.headers);
      response.writeHead(answer.statusCode ?? 502, { ...headers, ...forward.answerHeaders });
      answer.pipe(response);
      answer.on("end", resolve);
      answer.on("error", () => response.destroy());
    });
    upstream.on("error", (error) => {
      // a server may answer and close before it has read the body; that answer is complete
      if (!response.headersSent) reject(error);
      else if (!response.writableEnded) response.destroy();
    });
    response.on("close", () => {
      if (!response.writableFinished || !upstream.writableFinished) upstream.destroy();
      resolve();
    });
    if (!hasBody(request)) return void upstream.end();
    const body = limited(forward.limit);
    body.on("error", (error) => {
      reject(error);
      upstream.destroy();
    });
    // pipeline() would close the client's connection together with the server's
    request.pipe(body).pipe(upstream);
  });
}

/** Answers a request with a fetch handler of this process. @throws TooLarge when the body exceeds the limit */
export async function toHandler(
  handler: (request: Request) => Promise<Response>,
  origin: string,
  request: IncomingMessage,
  response: ServerResponse,
  forward: Forward,
): Promise<void> {
  checkLength(request, forward.limit);
  const abort = new AbortController();
  response.on("close", () => abort.abort());
  const body = hasBody(request) ? request.pipe(limited(forward.limit)) : null;
  body?.on("error", () => {}); // checked below; the handler sees a body that ends
  const answer = await handler(
    new Request(new URL(forward.path, origin), {
      method: request.method ?? "GET",
      headers: webHeaders(forwardedHeaders(request, forward)),
      body: body === null ? null : (Readable.toWeb(body) as WebStream<Uint8Array>),
      signal: abort.signal,
      duplex: "half",
    }),
  );
  if (body?.errored instanceof TooLarge) throw body.errored;
  const cookies = answer.headers.getSetCookie();
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    ...(cookies.length === 0 ? {} : { "set-cookie": cookies }),
    ...forward.answerHeaders,
  });
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as WebStream<Uint8Array>), response).catch(endedByClient);
}

/** Reads a whole body, for requests that the gateway answers itself. @throws TooLarge */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  checkLength(request, limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function forwardedHeaders(request: IncomingMessage, { authorization }: Forward): OutgoingHttpHeaders {
  const headers = withoutHopByHop(request.headers);
  if (authorization === undefined) delete headers.authorization;
  else headers.authorization = authorization;
  headers["x-forwarded-for"] = request.socket.remoteAddress ?? "127.0.0.1";
  headers["x-forwarded-proto"] = "http";
  headers["x-forwarded-host"] = request.headers.host ?? "";
  return headers;
}

function withoutHopByHop(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const kept = { ...headers };
  for (const name of hopByHop) delete kept[name];
  return kept;
}

function webHeaders(headers: OutgoingHttpHeaders): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const single of Array.isArray(value) ? value : [value])
      if (single !== undefined) result.append(name, String(single));
  }
  return result;
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers["content-length"] !== undefined
    ? request.headers["content-length"] !== "0"
    : request.headers["transfer-encoding"] !== undefined;
}

function checkLength(request: IncomingMessage, limit: number): void {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw new TooLarge();
}

function limited(limit: number): Transform {
  let size = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) done(new TooLarge());
      else done(null, chunk);
    },
  });
}

function endedByClient(error: unknown): void {
  const code = errorCode(error);
  if (code !== "ERR_STREAM_PREMATURE_CLOSE" && code !== "ABORT_ERR" && code !== "ECONNRESET") throw error;
}
