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
  const secret = Object.values(JSON.parse(env("SUPABASE_SECRET_KEYS") ?? "{}") as Record<string, string>);
  const [first, ...others] = [...secret, env("SUPABASE_SERVICE_ROLE_KEY")].filter((key) => key !== undefined);
  return [first ?? required(env, "SUPABASE_SECRET_KEYS"), ...others];
}
