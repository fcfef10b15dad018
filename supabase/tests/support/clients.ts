// Ways to call the API: supabase-js clients, and raw requests for tests that look at HTTP itself.

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { Database } from "../../../types/database.ts";
import type { Database as ServiceDatabase } from "../../functions/_shared/database.ts";
import { stack } from "./stack.ts";

export type Client = SupabaseClient<Database>;

/** A signed-in user, or undefined for a caller who is not signed in. */
export type Caller = { client: Client } | undefined;

/** A client of a visitor who is not signed in. */
export function anonymous(): Client {
  return client<Database>(stack.publishableKey);
}

/** A client with the secret key, which acts as service_role. */
export function service(): SupabaseClient<ServiceDatabase> {
  return client<ServiceDatabase>(stack.secretKey);
}

function client<Schema>(key: string): SupabaseClient<Schema> {
  return createClient<Schema>(stack.apiUrl, key, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

/** Sends a request to a path of the API, such as "/rest/v1/bookings", with the caller's token. */
export async function request(caller: Caller, path: string, init: RequestInit = {}): Promise<Response> {
  const { data } = (await caller?.client.auth.getSession()) ?? {};
  const token = data?.session?.access_token;
  return fetch(`${stack.apiUrl}${path}`, {
    ...init,
    headers: {
      apikey: stack.publishableKey,
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...init.headers,
    },
  });
}

/** Sends a request to REST and returns its status and the rows or the error. */
export async function requestRest(
  caller: Caller,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> | Record<string, unknown>[] }> {
  const response = await request(caller, `/rest/v1/${path}`, {
    method,
    headers: { prefer: "return=representation" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

/** Calls an Edge Function by its name. */
export function callFunction(name: string, caller: Caller, body: unknown): Promise<Response> {
  return request(caller, `/functions/v1/${name}`, { method: "POST", body: JSON.stringify(body) });
}

/** Calls an internal Edge Function with the secret key. */
export function callInternal(name: string): Promise<Response> {
  return request(undefined, `/functions/v1/${name}`, {
    method: "POST",
    headers: { apikey: stack.secretKey },
  });
}

export interface GraphqlAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: its shape depends on the query
  data?: any;
  errors?: { message: string }[];
}

/** Runs a GraphQL operation. */
export async function queryGraphql(
  query: string,
  variables: object = {},
  caller?: Caller,
): Promise<GraphqlAnswer> {
  const response = await request(caller, "/graphql/v1", {
    method: "POST",
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as GraphqlAnswer;
}
