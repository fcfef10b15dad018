// Forwards requests to a server on another port, or to a fetch handler in this process. Small bodies are read first, so that a slow
// client holds no connection to a server; large ones are streamed on a share of the connections. Answers are streamed.

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

/** Connections are kept open for less time than the servers keep them, so that a reused one is never already closed. */
const keep = { keepAlive: true, maxFreeSockets: 64, timeout: 10_000, scheduling: "lifo" } as const;
const agent = new Agent({ ...keep, maxSockets: 256 });
const agentOfLargeBodies = new Agent({ ...keep, maxSockets: 32 });

/** In bytes; a body up to this size is read before it is forwarded. */
const smallBody = 256 * 1024;

/** A body that brings fewer bytes in this time (ms) is broken off. */
const slowest = { bytes: 1024, period: 5_000 };

const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "upgrade",
  "expect",
];

export class TooLarge extends Error {}
export class TooSlow extends Error {}

/** How the gateway forwards a request. */
export interface Forward {
  /** Path and query at the target. */
  path: string;
  authorization: string | undefined;
  /** Headers to set on the answer. */
  answerHeaders: OutgoingHttpHeaders;
  /** The largest accepted body, in bytes. */
  limit: number;
  /** Sends the answer; without it, the answer is sent as it arrives. */
  send?: Send;
}

export type Send = (
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Readable,
) => Promise<void>;

/**
 * Forwards the request to 127.0.0.1:`port` and the answer to the client.
 *
 * @throws TooLarge or TooSlow when the body exceeds the limit or does not arrive
 * @throws the connection's error when it fails before the answer begins
 */
export async function toPort(
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
  forward: Forward,
): Promise<void> {
  const { start, rest } = await receive(request, response, forward.limit);
  return new Promise((resolve, reject) => {
    const headers = forwardedHeaders(request, forward);
    if (start !== undefined && rest === undefined) {
      delete headers["transfer-encoding"];
      headers["content-length"] = start.length;
    }
    const upstream = httpRequest({
      agent: rest === undefined ? agent : agentOfLargeBodies,
      host: "127.0.0.1",
      port,
      method: request.method,
      path: forward.path,
      headers,
    });
    upstream.on("response", (answer) => {
      const headers = { ...withoutHopByHop(answer.headers), ...forward.answerHeaders };
      answer.on("end", resolve);
      answer.on("error", () => response.destroy());
      (forward.send ?? sendAsItArrives)(request, response, answer.statusCode ?? 502, headers, answer).catch(
        () => response.destroy(),
      );
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
    if (rest === undefined) return void upstream.end(start);
    rest.on("error", (error) => {
      reject(error);
      upstream.destroy();
    });
    upstream.write(start);
    // pipeline() would close the client's connection together with the server's
    rest.pipe(upstream);
  });
}

/** A complete answer. */
export interface Answer {
  status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
}

/**
 * Sends a request without a body to 127.0.0.1:`port` and reads the whole answer.
 *
 * @param largest in bytes, of the answer
 * @throws TooLarge, and the connection's error when it fails or `signal` is aborted before the answer is complete
 */
export function ask(
  port: number,
  request: IncomingMessage,
  forward: Forward,
  largest: number,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = forwardedHeaders(request, forward);
    const { method } = request;
    const upstream = httpRequest({
      agent,
      host: "127.0.0.1",
      port,
      method,
      path: forward.path,
      headers,
      signal,
    });
    upstream.on("error", reject);
    upstream.on("response", (answer) => {
      answer.on("error", reject);
      readUpTo(answer, largest).then(({ start, rest }) => {
        if (rest === undefined) {
          const all = { ...withoutHopByHop(answer.headers), ...forward.answerHeaders };
          resolve({ status: answer.statusCode ?? 502, headers: all, body: start });
        } else {
          upstream.destroy();
          reject(new TooLarge());
        }
      }, reject);
    });
    upstream.end();
  });
}

/**
 * Answers a request with a fetch handler of this process.
 *
 * @throws TooLarge or TooSlow when the body exceeds the limit or does not arrive
 */
export async function toHandler(
  handler: (request: Request) => Promise<Response>,
  origin: string,
  request: IncomingMessage,
  response: ServerResponse,
  forward: Forward,
): Promise<void> {
  const { start, rest } = await receive(request, response, forward.limit);
  const abort = new AbortController();
  response.on("close", () => abort.abort());
  rest?.on("error", () => {}); // checked below; the handler sees a body that ends
  const { method = "GET" } = request;
  const bodiless = method === "GET" || method === "HEAD" || start === undefined; // fetch's rule
  const answer = await handler(
    new Request(new URL(forward.path, origin), {
      method,
      headers: webHeaders(forwardedHeaders(request, forward)),
      body: bodiless ? null : rest === undefined ? new Uint8Array(start) : joined(start, rest),
      signal: abort.signal,
      duplex: "half",
    }),
  );
  if (rest?.errored instanceof TooLarge || rest?.errored instanceof TooSlow) throw rest.errored;
  const cookies = answer.headers.getSetCookie();
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    ...(cookies.length === 0 ? {} : { "set-cookie": cookies }),
    ...forward.answerHeaders,
  });
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as WebStream<Uint8Array>), response).catch(endedByClient);
}

/** Reads a whole body, for requests that the gateway answers itself. @throws TooLarge or TooSlow */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
): Promise<Buffer> {
  const { start = Buffer.alloc(0) } = await receive(request, response, limit, limit);
  return start;
}

/**
 * Reads a body to its end or, when it is larger than `most`, to there: `rest` is then the stream of what follows.
 *
 * @throws TooLarge or TooSlow
 */
async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
  most = smallBody,
): Promise<{ start?: Buffer; rest?: Readable }> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw new TooLarge();
  if (!hasBody(request)) return {};
  const body = request.pipe(limited(limit));
  response.on("close", () => body.destroy()); // also when the client has gone
  return readUpTo(body, most);
}

/** Reads a stream to its end or, when it is larger than `most` bytes, to there: `rest` is then the stream of what follows. */
export async function readUpTo(body: Readable, most: number): Promise<{ start: Buffer; rest?: Readable }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > most) return { start: Buffer.concat(chunks), rest: body };
  }
  return { start: Buffer.concat(chunks) };
}

const sendAsItArrives: Send = async (_request, response, status, headers, body) => {
  body.pipe(response.writeHead(status, headers));
};

function joined(start: Buffer, rest: Readable): WebStream<Uint8Array> {
  const chunks = async function* () {
    yield start;
    yield* rest as AsyncIterable<Buffer>;
  };
  return Readable.toWeb(Readable.from(chunks())) as WebStream<Uint8Array>;
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

export function hasBody(request: IncomingMessage): boolean {
  return request.headers["content-length"] !== undefined
    ? request.headers["content-length"] !== "0"
    : request.headers["transfer-encoding"] !== undefined;
}

/** Passes a body on, and fails when it is too large or too slow. */
function limited(limit: number): Transform {
  let size = 0;
  let seen = 0;
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) done(new TooLarge());
      else done(null, chunk);
    },
  });
  const timer = setInterval(() => {
    const clientIsSlow = body.readableLength === 0 && !body.writableEnded;
    if (clientIsSlow && size - seen < slowest.bytes) body.destroy(new TooSlow());
    seen = size;
  }, slowest.period);
  return body.on("close", () => clearInterval(timer));
}

function endedByClient(error: unknown): void {
  const code = errorCode(error);
  if (code !== "ERR_STREAM_PREMATURE_CLOSE" && code !== "ABORT_ERR" && code !== "ECONNRESET") throw error;
}
