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
