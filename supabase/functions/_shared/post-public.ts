// POST to a URL that somebody else chose: https, a public address, no redirect, little time, and none of the answer but its status.

import { lookup } from "node:dns/promises";
import { request } from "node:https";
import { isIP } from "node:net";
import { isPublicAddress } from "./public-address.ts";

export interface PostOptions {
  /** Addresses of a name; the system's resolver when not given. */
  resolve?: (name: string) => Promise<string[]>;
  isAllowed?: (address: string) => boolean;
  timeout?: number;
  /** Certificates to trust beside the system's, PEM. */
  ca?: string;
}

async function resolveBySystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/**
 * Resolves the name once, refuses unless every address of it is public, and connects to the first of those, so that a name
 * which leads elsewhere a moment later leads nowhere. The certificate is checked against the name.
 *
 * @throws when the address is not public, or there is no answer in time
 */
export async function postPublic(
  url: string,
  headers: Record<string, string>,
  body: string,
  options: PostOptions = {},
): Promise<number> {
  const { resolve = resolveBySystem, isAllowed = isPublicAddress, timeout = 10_000, ca } = options;
  const { protocol, hostname, port, pathname, search, host, username, password } = new URL(url);
  if (protocol !== "https:" || username !== "" || password !== "")
    throw new Error("the URL is not plain https");
  const name = hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(name) === 0 ? await resolve(name).catch(() => []) : [name];
  const [address] = addresses;
  if (address === undefined) throw new Error("the name does not resolve");
  if (!addresses.every(isAllowed)) throw new Error("the address is not public");
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
    const timer = setTimeout(() => sending.destroy(new Error("no answer in time")), timeout);
    sending.on("error", (error: Error & { code?: string }) => {
      clearTimeout(timer);
      fail(
        new Error(
          error.message === "no answer in time"
            ? error.message
            : `no connection (${error.code ?? "refused"})`,
        ),
      );
    });
    sending.end(body);
  });
}
