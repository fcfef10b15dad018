// POST requests to URLs that users chose: https only, to public addresses only, without redirects, with a short timeout, and
// without reading the response body.

import { lookup } from "node:dns/promises";
import { request } from "node:https";
import { isIP } from "node:net";
import { isPublicAddress } from "./public-address.ts";
import { timeouts, within } from "./timeout.ts";

export interface PostOptions {
  /** Returns the addresses of a name; the system's resolver by default. */
  resolve?: (name: string) => Promise<string[]>;
  isAllowed?: (address: string) => boolean;
  /** In milliseconds. */
  timeout?: number;
  /** Certificates to trust in addition to the system's, as PEM. */
  ca?: string;
}

/** The reason of a failed delivery; safe to show to the owner of the webhook. */
class DeliveryError extends Error {}

/**
 * Resolves the name once, checks that every address is public, and connects to the first address. Resolving only once prevents
 * DNS rebinding. The certificate is checked against the name.
 *
 * @returns the HTTP status of the response
 * @throws when the URL is not allowed, or the server does not answer in time
 */
export async function postPublic(
  url: string,
  headers: Record<string, string>,
  body: string,
  options: PostOptions = {},
): Promise<number> {
  const { resolve = resolveBySystem, isAllowed = isPublicAddress, timeout = timeouts.webhook, ca } = options;
  const { protocol, hostname, port, pathname, search, host, username, password } = new URL(url);
  if (protocol !== "https:" || username !== "" || password !== "") {
    throw new DeliveryError("the URL is not plain https");
  }
  const name = hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(name) === 0 ? await within(timeout, resolve(name)).catch(() => []) : [name];
  const [address] = addresses;
  if (address === undefined) throw new DeliveryError("the name does not resolve");
  if (!addresses.every(isAllowed)) throw new DeliveryError("the address is not public");
  return new Promise<number>((done, fail) => {
    const sending = request(
      {
        host: address,
        port: port === "" ? 443 : Number(port),
        path: pathname + search,
        method: "POST",
        servername: isIP(name) === 0 ? name : "",
        headers: { ...headers, host, "content-length": String(new TextEncoder().encode(body).length) },
        timeout,
        agent: false,
        ...(ca === undefined ? {} : { ca }),
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

async function resolveBySystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
