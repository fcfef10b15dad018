// The Supabase client of Edge Functions, and the types of the database.

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { UserOf } from "./authenticate.ts";
import type { Database, Json } from "./database.ts";
import { callerKey, type Environment, environment, required, serviceKeys } from "./environment.ts";
import { fetchWithin, timeouts } from "./timeout.ts";
import { traced } from "./trace.ts";

export type { Json };
export type ServiceClient = SupabaseClient<Database>;

/** A client with the role `service_role`. */
export function createServiceClient(
  env: Environment = environment,
  timeout = timeouts.supabase,
): ServiceClient {
  return createClient<Database>(required(env, "SUPABASE_URL"), serviceKeys(env)[0], {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { fetch: traced(fetchWithin(timeout)) },
  });
}

/** A client with the role and the rights of the caller. @param authorization the caller's own header */
export function createCallerClient(
  authorization: string,
  env: Environment = environment,
  timeout = timeouts.supabase,
): SupabaseClient<Database> {
  return createClient<Database>(required(env, "SUPABASE_URL"), callerKey(env), {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { fetch: traced(fetchWithin(timeout)), headers: { authorization } },
  });
}

/** @throws when Auth does not answer, so that an outage does not look like an invalid token */
export function createUserOf(supabase: ServiceClient): UserOf {
  return async (authorization) => {
    const token = authorization.replace(/^Bearer /i, "");
    if (token === "") return undefined;
    const { data, error } = await supabase.auth.getUser(token);
    if (error !== null && !isClientError(error.status)) throw error;
    return data.user === null ? undefined : { id: data.user.id, email: data.user.email };
  };
}

const isClientError = (status = 0): boolean => status >= 400 && status < 500;
