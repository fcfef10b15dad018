// Environment variables. `Environment` is a parameter of every client, so that tests set their own.

/** Returns the value of a variable; undefined when it is unset or empty. */
export type Environment = (name: string) => string | undefined;

export const environment: Environment = (name) => Deno.env.get(name) || undefined;

/** @throws when the variable is unset or empty */
export function required(env: Environment, name: string): string {
  const value = env(name);
  if (value === undefined) throw new Error(`${name} is not set: see supabase/functions/.env.example`);
  return value;
}

/**
 * The keys of the role `service_role`: the secret keys, then the legacy key of projects that still have it.
 *
 * @throws when there is none
 */
export function serviceKeys(env: Environment): [string, ...string[]] {
  return keys(env, "SUPABASE_SECRET_KEYS", "SUPABASE_SERVICE_ROLE_KEY");
}

/**
 * The key to send with a caller's own token: a publishable key, else the legacy key.
 *
 * @throws when there is none
 */
export function callerKey(env: Environment): string {
  return keys(env, "SUPABASE_PUBLISHABLE_KEYS", "SUPABASE_ANON_KEY")[0];
}

/** A project whose legacy keys are disabled still names them, so they come last. */
function keys(env: Environment, name: string, legacy: string): [string, ...string[]] {
  const named = Object.values(JSON.parse(env(name) ?? "{}") as Record<string, string>);
  const [first, ...others] = [...named, env(legacy)].filter((key) => key !== undefined);
  return [first ?? required(env, name), ...others];
}
