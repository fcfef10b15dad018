// API keys and tokens: checks those of a request, and turns a key into the token that the services expect.

import type { IncomingHttpHeaders } from "node:http";
import { jwtVerify } from "jose";
import { audience, type Keys } from "../lib/keys.ts";

export interface Claims extends Record<string, unknown> {
  role: string;
}

export interface ApiKeys {
  /** The key of a request, from the header or query parameter `apikey`, and whether it is one of the project's. */
  find(headers: IncomingHttpHeaders, url: URL): { key: string | undefined; known: boolean; secret: boolean };
  /**
   * The Authorization header to forward. A user's token is kept; otherwise the key is replaced by the token of its role, `anon`
   * for the publishable key and `service_role` for the secret key.
   */
  authorization(headers: IncomingHttpHeaders, key: string | undefined): string | undefined;
  /** The claims of a bearer token of this project; undefined when it is invalid or has expired. A token is verified once. */
  verify(authorization: string | undefined): Promise<Readonly<Claims> | undefined>;
  /** Whether a bearer token is signed by this project and valid now: what a function with `verify_jwt` asks for, with a role or without. */
  isSigned(authorization: string | undefined): Promise<boolean>;
  /** The role that a request has, for the log; undefined without a key or valid token. */
  roleOf(headers: IncomingHttpHeaders, url: string): Promise<string | undefined>;
}

/** How many verified tokens are remembered. */
const mostRemembered = 1000;

export function createApiKeys(keys: Keys): ApiKeys {
  const tokens = new Map([
    [keys.publishable, keys.anon],
    [keys.secret, keys.serviceRole],
    [keys.anon, keys.anon],
    [keys.serviceRole, keys.serviceRole],
  ]);
  const secret = new TextEncoder().encode(keys.jwtSecret);
  const verified = new Map<string, Readonly<Claims>>();

  const bearer = (authorization = "") => /^Bearer (\S+)$/i.exec(authorization)?.[1];
  const read = (token: string) => jwtVerify(token, secret, { algorithms: ["HS256"] });

  const apiKeys: ApiKeys = {
    find(headers, url) {
      const header = headers.apikey;
      const key =
        (typeof header === "string" ? header : undefined) ?? url.searchParams.get("apikey") ?? undefined;
      return {
        key,
        known: key !== undefined && tokens.has(key),
        secret: key === keys.secret || key === keys.serviceRole,
      };
    },

    authorization(headers, key) {
      const given = headers.authorization;
      if (given !== undefined && !given.startsWith("Bearer sb_")) return given;
      const token = key === undefined ? undefined : tokens.get(key);
      return token === undefined ? given : `Bearer ${token}`;
    },

    async verify(authorization) {
      const token = bearer(authorization);
      if (token === undefined) return undefined;
      const known = verified.get(token);
      if (known !== undefined && Number(known.exp) * 1000 > Date.now()) return known;
      try {
        const { payload } = await read(token);
        if (typeof payload.role !== "string" || !isForUs(payload.aud)) return undefined;
        const claims = { ...payload, role: payload.role };
        if (verified.size >= mostRemembered) verified.clear();
        verified.set(token, claims);
        return claims;
      } catch {
        return undefined;
      }
    },

    isSigned: (authorization) =>
      read(bearer(authorization) ?? "").then(
        () => true,
        () => false,
      ),

    async roleOf(headers, url) {
      const address = url.includes("apikey=") && URL.canParse(url, "http://gateway") ? url : "/";
      const { key } = apiKeys.find(headers, new URL(address, "http://gateway"));
      return (await apiKeys.verify(apiKeys.authorization(headers, key)))?.role;
    },
  };
  return apiKeys;
}

/** Whether the claim `aud` of a token is absent or names this project. */
export function isForUs(claim: string | string[] | undefined): boolean {
  return claim === undefined || [claim].flat().includes(audience);
}
