// GET requests to URLs that users chose: https only, on port 443, to public addresses only, with a limit for time, size and redirects.

import { request } from "node:https";
import { type PublicOptions, publicTarget, TargetError } from "./public-target.ts";
import { timeouts } from "./timeout.ts";

export interface GetOptions extends PublicOptions {
  isAllowedPort?: (port: string) => boolean;
  /** In bytes. */
  largest?: number;
}

export interface Answer {
  status: number;
  etag: string | undefined;
  lastModified: string | undefined;
  /** Empty unless the status is 200. */
  body: Uint8Array;
}

export type GetFault = TargetError["code"] | "too_slow" | "too_large" | "too_many_redirects";

/** Why there is no answer. */
export class GetError extends Error {
  readonly code: GetFault;
  constructor(code: GetFault) {
    super(code);
    this.code = code;
  }
}

const mostRedirects = 3;
const redirects = [301, 302, 303, 307, 308];

/**
 * Follows up to three redirects, and checks the address of each.
 *
 * @throws GetError
 */
export async function getPublic(
  url: string,
  headers: Record<string, string>,
  options: GetOptions = {},
): Promise<Answer> {
  const { timeout = timeouts.feed } = options;
  const until = Date.now() + timeout;
  let target = new URL(url);
  for (let followed = 0; followed <= mostRedirects; followed++) {
    const { location, ...answer } = await get(target, headers, options, until - Date.now());
    if (!redirects.includes(answer.status) || location === undefined) return answer;
    if (!URL.canParse(location, target.href)) throw new GetError("unreachable");
    target = new URL(location, target);
  }
  throw new GetError("too_many_redirects");
}

async function get(
  url: URL,
  headers: Record<string, string>,
  options: GetOptions,
  timeout: number,
): Promise<Answer & { location: string | undefined }> {
  const { isAllowedPort = (port) => port === "", largest = 2 * 1024 * 1024 } = options;
  if (timeout <= 0) throw new GetError("too_slow");
  if (!isAllowedPort(url.port)) throw new GetError("not_public");
  const started = Date.now();
  const target = await publicTarget(url, { ...options, timeout }).catch((error) => {
    throw error instanceof TargetError ? new GetError(error.code) : error;
  });
  return new Promise((done, fail) => {
    const stop = (error: unknown) => {
      clearTimeout(timer);
      fail(error instanceof GetError ? error : new GetError("unreachable"));
      sending.destroy();
    };
    const sending = request(
      { ...target, method: "GET", headers: { ...headers, ...target.headers, "accept-encoding": "identity" } },
      (response) => {
        const { statusCode: status = 0, headers: received } = response;
        const chunks: Uint8Array[] = [];
        let length = 0;
        const finish = () => {
          clearTimeout(timer);
          const { etag, location, "last-modified": lastModified } = received;
          done({ status, etag, lastModified, location, body: joined(chunks, length) });
        };
        if (status !== 200) {
          finish();
          response.destroy();
          return;
        }
        response.on("data", (chunk: Uint8Array) => {
          length += chunk.length;
          chunks.push(chunk);
          if (length > largest) stop(new GetError("too_large"));
        });
        response.on("end", finish);
        // a body that is shorter than announced
        response.on("error", stop);
        response.on("aborted", stop);
      },
    );
    const timer = setTimeout(() => stop(new GetError("too_slow")), timeout - (Date.now() - started));
    sending.on("error", stop);
    sending.end();
  });
}

function joined(chunks: Uint8Array[], length: number): Uint8Array {
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
