// Who calls Storage, and queries under the caller's policies.

import { jwtVerify } from "jose";
import type { TransactionSql } from "postgres";
import { isForUs } from "../api-keys.ts";
import type { Call } from "./call.ts";
import { accessDenied } from "./errors.ts";
import type { Storage } from "./storage-service.ts";

export interface Caller {
  role: string;
  claims: Record<string, unknown>;
  /** The person's id, which becomes the owner of what they upload. */
  owner: string | undefined;
}

const roles = ["anon", "authenticated", "service_role"];

/** Storage itself, for what policies do not decide. */
export const service: Caller = {
  role: "service_role",
  claims: { role: "service_role" },
  owner: undefined,
};

/** The caller of a request. @throws StorageError when the token is missing, invalid or for another audience */
export async function callerOf({ secret }: Storage, { headers }: Call): Promise<Caller> {
  const token = (headers.get("authorization") ?? "").replace(/^Bearer\s+/i, "");
  const { payload } = await jwtVerify(token, secret, { algorithms: ["HS256"] }).catch((error: Error) => {
    throw accessDenied(error.message);
  });
  if (!isForUs(payload.aud)) throw accessDenied("jwt audience invalid");
  const { role = "anon", sub: owner } = payload;
  if (typeof role !== "string" || !roles.includes(role))
    throw accessDenied(`role "${role}" is not permitted`);
  return { role, claims: payload, owner };
}

/** Runs queries in a transaction under the policies of the caller. */
export async function as<Result>(
  { sql }: Storage,
  { role, claims }: Caller,
  { request, url, headers, operation }: Call,
  work: (tx: TransactionSql) => Promise<Result>,
): Promise<Result> {
  const settings = {
    role,
    "request.jwt.claims": JSON.stringify(claims),
    "request.method": request.method,
    "request.path": url.pathname,
    "request.headers": JSON.stringify(Object.fromEntries(headers)),
    "storage.operation": operation,
    "storage.allow_delete_query": "true",
  };
  const result = await sql.begin(async (tx) => {
    await tx`select pg_catalog.set_config(s.key, s.value, true) from jsonb_each_text(${tx.json(settings)}) as s`;
    return work(tx);
  });
  return result as Result;
}

/** Whether the caller's policies permit what `work` does, which is undone. @throws the database's refusal */
export async function attempt(
  storage: Storage,
  caller: Caller,
  call: Call,
  work: (tx: TransactionSql) => Promise<unknown>,
): Promise<void> {
  const undo = new Error("undone");
  await as(storage, caller, call, async (tx) => {
    await work(tx);
    throw undo;
  }).catch((error: unknown) => {
    if (error !== undo) throw error;
  });
}
