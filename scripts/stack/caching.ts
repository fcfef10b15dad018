// What the gateway adds to the answers of REST for caches: a tag of the content, 304 when the client has that content already, and
// the headers of a request that an answer depends on.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import etag from "etag";
import fresh from "fresh";
import { append } from "vary";
import { readUpTo } from "./proxy.ts";

/** In bytes; a larger answer gets no tag. */
const largestTagged = 1024 * 1024;

const representation = "Accept, Accept-Encoding, Accept-Profile, Prefer, Range";
const caller = "Authorization, apikey";

/**
 * Sends an answer of REST. Answers that the database does not call public are for one caller: only that caller's browser may keep
 * them, and asks each time whether they changed.
 */
export async function sendCacheable(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Readable,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "POST") {
    body.pipe(response.writeHead(status, headers));
    return;
  }
  const { start, rest } = await readUpTo(body, largestTagged);
  const isTagged = request.method === "GET" && status === 200;
  const all = isTagged ? { ...headers, ...cacheHeaders(headers) } : { ...headers };
  if (rest !== undefined) {
    response.writeHead(status, all).write(start);
    rest.pipe(response);
    return;
  }
  delete all["transfer-encoding"];
  const tag = etag(start, { weak: true });
  if (isTagged && fresh(request.headers, { etag: tag })) {
    const { "content-type": _type, "content-range": _range, ...kept } = all;
    response.writeHead(304, { ...kept, etag: tag }).end();
  } else {
    response
      .writeHead(status, { ...all, ...(isTagged && { etag: tag }), "content-length": start.length })
      .end(start);
  }
}

function cacheHeaders(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const vary = append(String(headers.vary ?? ""), representation);
  return headers["cache-control"] === undefined
    ? { "cache-control": "private, no-cache", vary: append(vary, caller) }
    : { vary };
}
