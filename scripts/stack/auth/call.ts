// A request to Auth as its handlers see it, and the checks of its body.

import { z } from "zod";
import { AuthError, invalid } from "./errors.ts";

export interface Call {
  method: string;
  /** The path below /auth/v1. */
  path: string;
  query: URLSearchParams;
  headers: Headers;
  /** The JSON object of the body; undefined when there is none. */
  body: Record<string, unknown> | undefined;
  /** The network address of the client, which the gateway takes from the connection. */
  address: string;
}

export async function readCall(request: Request): Promise<Call> {
  const url = new URL(request.url);
  return {
    method: request.method,
    path: url.pathname.replace(/^\/auth\/v1/, "").replace(/(.)\/$/, "$1"),
    query: url.searchParams,
    headers: request.headers,
    body: parseBody(await request.text()),
    address: request.headers.get("x-forwarded-for") ?? "",
  };
}

function parseBody(text: string): Record<string, unknown> | undefined {
  if (text === "") return undefined;
  const value: unknown = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badJson("a JSON object is expected");
  }
  return { ...value };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, storable);
  } catch (error) {
    throw error instanceof AuthError ? error : badJson(error instanceof Error ? error.message : "");
  }
}

/** Refuses text that Postgres cannot store: NUL, and halves of characters. */
function storable(key: string, value: unknown): unknown {
  for (const text of [key, value]) {
    if (typeof text === "string" && (text.includes("\0") || !text.isWellFormed())) {
      throw invalid("The request has a character that cannot be stored");
    }
  }
  return value;
}

function badJson(reason: string): AuthError {
  return new AuthError(400, "bad_json", `Could not parse request body as JSON: ${reason}`);
}

/** The fields of a body that a schema names. @throws AuthError when one is of another type */
export function fieldsOf<Schema extends z.ZodType>(call: Call, schema: Schema): z.infer<Schema> {
  if (call.body === undefined) throw badJson("unexpected end of JSON input");
  const { data, error } = schema.safeParse(call.body);
  if (error !== undefined) throw badJson(z.prettifyError(error).replaceAll("\n", " "));
  return data;
}

/** Text, empty where it is missing or null. */
export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

export const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/** An object, undefined where it is missing or null. */
export const object = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? undefined);

/** The fields of a client that exchanges a code for its session later (PKCE). */
export const challenge = { code_challenge: text, code_challenge_method: text };

const emailPattern =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** The address in lower case. @throws AuthError when it is none, by the rule of Supabase Auth */
export function checkEmail(email: string): string {
  if (email === "") throw invalid("An email address is required");
  if (email.length > 255) throw invalid("An email address is too long");
  if (!emailPattern.test(email)) throw invalid("Unable to validate email address: invalid format");
  return email.toLowerCase();
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(value: string): boolean {
  return uuidPattern.test(value);
}
