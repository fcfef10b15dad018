// A session in the past: in it, now() shows the time that the past has reached, and new ids follow from a counter. Both functions are
// replaced while the past is made and restored afterwards, which only a superuser can do on a database that no one else uses yet.

import type { Sql } from "postgres";
import { olga } from "./people.ts";

const pastFunctions = (ids: string) => `
create schema past;
create sequence past.ids;
grant usage on schema past to public;
grant usage on sequence past.ids to public;
create or replace function pg_catalog.now() returns timestamptz
language sql stable parallel safe called on null input
as $$select pg_catalog.current_setting('past.now')::pg_catalog.timestamptz$$;
create or replace function pg_catalog.clock_timestamp() returns timestamptz
language sql volatile parallel safe called on null input
as $$select pg_catalog.current_setting('past.now')::pg_catalog.timestamptz$$;
create or replace function pg_catalog.gen_random_uuid() returns uuid
language sql volatile parallel safe called on null input
as $$
    select overlay(
        overlay(pg_catalog.md5('${ids} ' || pg_catalog.nextval('past.ids'::pg_catalog.regclass)) placing '4' from 13)
        placing '8' from 17
    )::pg_catalog.uuid
$$`;

const realFunctions = `
create or replace function pg_catalog.now() returns timestamptz language internal stable parallel safe strict as 'now';
create or replace function pg_catalog.clock_timestamp() returns timestamptz
language internal volatile parallel safe strict as 'clock_timestamp';
create or replace function pg_catalog.gen_random_uuid() returns uuid
language internal volatile parallel safe strict as 'gen_random_uuid';
drop schema past cascade`;

export interface PastDatabase {
  /** @param time milliseconds since 1970 */
  setTime(time: number): void;
  now(): number;
  /** Runs statements as a signed-in person, as requests through REST do. */
  as<T>(personId: string, act: (sql: Sql) => Promise<T>): Promise<T>;
  /** Runs statements as the superuser. */
  asAdmin<T>(act: (sql: Sql) => Promise<T>): Promise<T>;
  /** Runs statements as the owner of the database, as pg_cron does. */
  asOwner<T>(act: (sql: Sql) => Promise<T>): Promise<T>;
  /** Calls a function of the API with the service key, as Edge Functions do. */
  call(name: string, parameters: Record<string, unknown>): Promise<unknown>;
  /** Restores the real functions. */
  end(): Promise<void>;
}

/**
 * @param sql a superuser's connection, one alone
 * @param ids a word that makes new ids differ from those of another past
 */
export async function openPast(sql: Sql, ids: string): Promise<PastDatabase> {
  let time = 0;
  // a crash makes the next start begin again, and plans for each call would take most of the time
  await sql`select set_config('synchronous_commit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)`;
  await sql`select set_config('past.now', '2000-01-01', false)`;
  await sql.begin((tx) => tx.unsafe(pastFunctions(ids)));
  // the stack's own workers do not run yet
  await sql`select set_config('staybase.woken_' || replace(q.worker, '-', '_'), 'yes', false)
    from (select worker from private.job_queues union select name from private.internal_functions) q`;

  async function act<T>(role: string, claims: object, work: (sql: Sql) => Promise<T>): Promise<T> {
    await sql`
      select set_config('role', ${role}, false), set_config('request.jwt.claims', ${JSON.stringify(claims)}, false),
        set_config('past.now', ${new Date(time).toISOString()}, false)`;
    try {
      return await work(sql);
    } finally {
      await sql`select set_config('role', 'none', false)`;
    }
  }

  return {
    now: () => time,
    setTime(next) {
      if (next < time) throw new Error("the past went back");
      time = next;
    },
    as(personId, work) {
      const isOperator = personId === olga.id;
      const roles = isOperator ? ["operator"] : [];
      const claims = { sub: personId, role: "authenticated", app_metadata: { roles } };
      return act(isOperator ? "operator" : "authenticated", claims, work);
    },
    asAdmin: (work) => act("none", {}, work),
    asOwner: (work) => act("postgres", {}, work),
    async call(name, parameters) {
      const names = Object.keys(parameters);
      const values = Object.values(parameters).map((value) =>
        typeof value === "object" && value !== null ? sql.json(value as never) : (value as string),
      );
      const call = `public.${name}(${names.map((key, index) => `${key} => $${index + 1}`).join(", ")})`;
      const query =
        name === "take_stripe_tasks"
          ? `select coalesce(jsonb_agg(to_jsonb(t)), '[]') as result from ${call} t`
          : `select to_jsonb(r) as result from ${call} r`;
      const [row] = await act("service_role", { role: "service_role" }, (session) =>
        session.unsafe<{ result: unknown }[]>(query, values as never[], { prepare: true }),
      );
      return row?.result;
    },
    async end() {
      await sql.begin((tx) => tx.unsafe(realFunctions));
      await sql`select set_config('synchronous_commit', 'on', false), set_config('plan_cache_mode', 'auto', false)`;
    },
  };
}
