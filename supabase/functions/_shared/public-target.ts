// Where a request to a URL that a user chose goes: https only, to public addresses only, without a second look-up of the name.

import { lookup } from "node:dns/promises";
import type { RequestOptions } from "node:https";
import { isIP } from "node:net";
import { isPublicAddress } from "./public-address.ts";
import { within } from "./timeout.ts";

export interface PublicOptions {
  /** Returns the addresses of a name; the system's resolver by default. */
  resolve?: (name: string) => Promise<string[]>;
  isAllowed?: (address: string) => boolean;
  /** In milliseconds. */
  timeout?: number;
  /** Certificates to trust in addition to the system's, as PEM. */
  ca?: string;
}

/** Why there is no such request; the message is safe to show to the owner of the URL. */
export class TargetError extends Error {
  readonly code: "not_public" | "unreachable";
  constructor(code: TargetError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Resolves the name once, checks that every address is public, and returns the first one for `https.request`. Resolving only once
 * prevents DNS rebinding. The certificate is checked against the name.
 *
 * @throws TargetError when the URL is not allowed, or its name does not resolve
 */
export async function publicTarget(
  url: URL,
  { resolve = resolveBySystem, isAllowed = isPublicAddress, timeout = 10_000, ca }: PublicOptions,
): Promise<RequestOptions> {
  const { protocol, hostname, port, pathname, search, host, username, password } = url;
  if (protocol !== "https:" || username !== "" || password !== "") {
    throw new TargetError("not_public", "the URL is not plain https");
  }
  const name = hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(name) === 0 ? await within(timeout, resolve(name)).catch(() => []) : [name];
  const [address] = addresses;
  if (address === undefined) throw new TargetError("unreachable", "the name does not resolve");
  if (!addresses.every(isAllowed)) throw new TargetError("not_public", "the address is not public");
  return {
    host: address,
    port: port === "" ? 443 : Number(port),
    path: pathname + search,
    servername: isIP(name) === 0 ? name : "",
    headers: { host },
    agent: false,
    ...(ca === undefined ? {} : { ca }),
  };
}

async function resolveBySystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
