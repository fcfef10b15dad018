// Answers a request from a replica where that can be the answer.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { sendCacheable } from "../caching.ts";
import { ask, type Forward } from "../proxy.ts";
import { isPublic, mayBeCacheable } from "./cacheable.ts";
import type { Replicas } from "./replicas.ts";

/** In bytes; a larger answer is left to the primary. */
const largest = 1024 * 1024;

/**
 * Answers a request with a public answer of a replica. Returns false when there is none, also because the replica failed: nothing has
 * been sent then, and the primary is to be asked.
 *
 * @param path below /rest/v1
 */
export async function answerFromReplica(
  replicas: Replicas,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  forward: Forward,
): Promise<boolean> {
  if (!replicas.on || !mayBeCacheable(request, path)) return false;
  const answer = await replicas.read(async ({ name, port, signal }) => {
    const given = new AbortController();
    const giveUp = () => given.abort();
    signal.addEventListener("abort", giveUp);
    response.on("close", giveUp);
    const answerHeaders = servedBy(forward, name);
    try {
      return await ask(port, request, { ...forward, answerHeaders }, largest, given.signal);
    } catch {
      return undefined;
    } finally {
      signal.removeEventListener("abort", giveUp);
      response.off("close", giveUp);
    }
  });
  if (response.destroyed) return true; // the client has gone
  if (answer === undefined || !isPublic(answer)) return false;
  await sendCacheable(request, response, answer.status, answer.headers, Readable.from([answer.body]));
  return true;
}

/** The headers of an answer with the name of the server that gave it. */
export function servedBy({ answerHeaders }: Forward, name: string): OutgoingHttpHeaders {
  return { ...answerHeaders, "x-served-by": name };
}
