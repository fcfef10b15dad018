// POST requests to URLs that users chose: https only, to public addresses only, without redirects, with a short timeout, and
// without reading the response body.

import { request } from "node:https";
import { type PublicOptions, publicTarget } from "./public-target.ts";
import { timeouts } from "./timeout.ts";

export type PostOptions = PublicOptions;

/** The reason of a failed delivery; safe to show to the owner of the webhook. */
class DeliveryError extends Error {}

/**
 * @returns the HTTP status of the response
 * @throws when the URL is not allowed, or the server does not answer in time
 */
export async function postPublic(
  url: string,
  headers: Record<string, string>,
  body: string,
  options: PostOptions = {},
): Promise<number> {
  const { timeout = timeouts.webhook } = options;
  const target = await publicTarget(new URL(url), { ...options, timeout });
  return new Promise<number>((done, fail) => {
    const length = String(new TextEncoder().encode(body).length);
    const sending = request(
      {
        ...target,
        method: "POST",
        headers: { ...headers, ...target.headers, "content-length": length },
        timeout,
      },
      (response) => {
        clearTimeout(timer);
        done(response.statusCode ?? 0);
        response.destroy();
      },
    );
    const timer = setTimeout(() => sending.destroy(new DeliveryError("no answer in time")), timeout);
    sending.on("error", (error: Error & { code?: string }) => {
      clearTimeout(timer);
      const reason = new DeliveryError(`no connection (${error.code ?? "refused"})`);
      fail(error instanceof DeliveryError ? error : reason);
    });
    sending.end(body);
  });
}
