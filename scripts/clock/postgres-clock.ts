// The clock of the embedded Postgres: now() and clock_timestamp() are replaced by functions that add the setting clock.ahead. Only a
// superuser can do that, so it cannot exist on hosted Supabase.

import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";

/** Not strict, so that Postgres inlines it into the query and can use an index. */
const movedNow = `
create or replace function pg_catalog.now() returns timestamptz
language sql stable parallel safe called on null input
as $$select pg_catalog.transaction_timestamp() + pg_catalog.current_setting('clock.ahead')::pg_catalog.interval$$`;

const movedClockTimestamp = `
create or replace function pg_catalog.clock_timestamp() returns timestamptz
language sql volatile parallel safe called on null input
as $$select pg_catalog.real_clock_timestamp() + pg_catalog.current_setting('clock.ahead')::pg_catalog.interval$$`;

const realClockTimestamp = `
create or replace function pg_catalog.real_clock_timestamp() returns timestamptz
language internal volatile parallel safe strict
as 'clock_timestamp'`;

/** Sessions that have planned a query with now() keep its old body; the end of a schema makes all of them plan again. */
const discardPlans = "create schema clock_discards_plans; drop schema clock_discards_plans";

/** Refuses any server other than the one of this data folder. @throws StackError */
export async function requireEmbedded(config: StackConfig, sql: Sql): Promise<void> {
  const remedy = "The clock moves the embedded stack alone: `npm start` starts it.";
  const [row] = await sql<[{ folder: string | null; superuser: boolean }]>`
    select
      (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as superuser,
      current_setting('data_directory', true) as folder`.catch((error: unknown) => {
    throw new StackError(`The database does not answer: ${String(error)}`, remedy);
  });
  const own = join(config.dataDir, "postgres");
  if (!row.superuser || !existsSync(own) || row.folder !== realpathSync(own)) {
    throw new StackError("This database is not the one of the embedded stack.", remedy);
  }
}

/** Whether the functions are replaced. */
export async function isInstalled(sql: Sql): Promise<boolean> {
  const found = await sql`
    select from pg_catalog.pg_proc where proname = 'real_clock_timestamp' and pronamespace = 'pg_catalog'::regnamespace`;
  return found.length > 0;
}

/** How far the database's clock is ahead, in milliseconds; undefined where it was never set. */
export async function readAhead(sql: Sql): Promise<number | undefined> {
  const [row] = await sql<[{ ahead: string | null }]>`
    select extract(epoch from current_setting('clock.ahead', true)::interval) * 1000 as ahead`;
  return row.ahead === null ? undefined : Number(row.ahead);
}

/** Replaces the functions. Sessions need the setting first, so it is set to 0 before. */
export async function installClock(sql: Sql): Promise<void> {
  await setAhead(sql, 0);
  await sql.begin((tx) =>
    tx.unsafe([realClockTimestamp, movedNow, movedClockTimestamp, discardPlans].join(";\n")),
  );
}

/** Sets the clock for all sessions, and waits until a session has it. @param milliseconds how far it is ahead of the real time */
export async function setAhead(sql: Sql, milliseconds: number): Promise<void> {
  await sql.unsafe(`alter system set clock.ahead = '${milliseconds} ms'`);
  await sql`select pg_reload_conf()`;
  while ((await readAhead(sql)) !== milliseconds) await sleep(10);
}
