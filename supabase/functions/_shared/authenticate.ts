// Who may call an Edge Function: anyone, a signed-in user, the database with the service key, a monitor with its token, or Stripe.

import { createHash, timingSafeEqual } from "node:crypto";
import { apiError, type ErrorCode } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Authenticate } from "./serve.ts";

/** Accepts every caller. For links that carry their own token. */
export const anyone: Authenticate<undefined> = async () => undefined;

export interface User {
  id: string;
  email?: string | undefined;
}

/** Returns the user of an Authorization header; undefined when the access token is missing or not valid. */
export type UserOf = (authorization: string) => Promise<User | undefined>;

/** Accepts signed-in users. */
export function signedIn(userOf: UserOf): Authenticate<User> {
  return async (request) => {
    const user = await userOf(request.headers.get("authorization") ?? "");
    if (user === undefined) throw apiError("not_signed_in");
    return user;
  };
}

/** Accepts callers with one of the project's service keys, in the header `apikey` or as bearer token. */
export function serviceOnly(keys: string[]): Authenticate<undefined> {
  const known = keys.map(digest);
  return async ({ headers }) => {
    const given = [headers.get("apikey"), headers.get("authorization")?.replace(/^Bearer /i, "")];
    const matches = given.flatMap((key) => known.map((one) => timingSafeEqual(one, digest(key ?? ""))));
    if (!matches.includes(true)) throw apiError("service_key_required");
  };
}

/** Accepts callers with this bearer token; no caller when it is undefined. @param code the code of the refusal */
export function bearerOnly(token: string | undefined, code: ErrorCode): Authenticate<undefined> {
  const known = token === undefined ? undefined : digest(token);
  return async ({ headers }) => {
    const given = /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    if (known === undefined || given === undefined || !timingSafeEqual(known, digest(given))) {
      throw apiError(code, {}, { "www-authenticate": "Bearer" });
    }
  };
}

/** Has the same length for every key, and its comparison takes the same time. */
const digest = (key: string): Uint8Array => createHash("sha256").update(key).digest();

/** In bytes. Events of Stripe have a few kilobytes. */
export const largestBody = 1024 * 1024;

/** How far the time of a signature may differ from the clock, in seconds. */
export const tolerance = 300;

export interface StripeSignatureCheck {
  /** Checks signature and age with Stripe's library; rejects when either is wrong. */
  verify(body: string, signature: string): Promise<unknown>;
  /** Milliseconds since 1970. */
  now(): number;
  log: Log;
}

/**
 * Accepts requests that Stripe signed and returns their raw body. Stripe's library accepts signatures from the future, so
 * their time is checked here.
 */
export function signedByStripe({ verify, now, log }: StripeSignatureCheck): Authenticate<string> {
  return async (request) => {
    const body = await readBody(request);
    const signature = request.headers.get("stripe-signature") ?? "";
    const signedAt = Number(/(?:^|,)t=(\d+)/.exec(signature)?.[1] ?? Number.NaN);
    if (!(signedAt <= now() / 1000 + tolerance)) throw apiError("bad_signature");
    await verify(body, signature).catch(() => {
      log("Stripe's signature is not valid");
      throw apiError("bad_signature");
    });
    return body;
  };
}

/** The body as it was sent. It stops reading a body that is too large. */
async function readBody(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > largestBody) throw apiError("body_too_large");
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > largestBody) throw apiError("body_too_large");
    chunks.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(chunks as BlobPart[]).arrayBuffer());
}
