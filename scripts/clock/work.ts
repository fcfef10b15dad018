// The background work of the embedded stack: does what is due, and waits until nothing runs or waits.

import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { StackError } from "../lib/errors.ts";

/** In ms; longer than any work of a day takes. */
const patience = 120_000;

/** What is going on now, and what could be done now. */
interface Work {
  running: string[];
  waiting: string[];
}

/**
 * Runs the periodic tasks that are due, and waits for the Edge Functions, queues and webhooks that follow, until nothing is left.
 *
 * @param sql a superuser's connection
 * @throws StackError when something is left after two minutes
 */
export async function finishWork(config: StackConfig, sql: Sql): Promise<void> {
  const deadline = Date.now() + patience;
  const owner = openDatabase(config, "postgres");
  try {
    for (let quiet = 0; quiet < 2; ) {
      await runPeriodicTasks(owner);
      await untilIdle(config, sql, deadline);
      quiet = (await readWork(sql)).waiting.length === 0 ? quiet + 1 : 0;
    }
  } finally {
    await owner.end({ timeout: 1 });
  }
}

/** Runs what pg_cron runs every ten seconds. */
async function runPeriodicTasks(owner: Sql): Promise<void> {
  const jobs = await owner<{ command: string }[]>`
    select command from cron.job where active and jobname like 'run-periodic-tasks-%' order by jobid limit 1`;
  for (const { command } of jobs) await owner.unsafe(command);
}

/** Waits until no function works and no event is under way. */
async function untilIdle(config: StackConfig, sql: Sql, deadline: number): Promise<void> {
  for (let idle = 0; idle < 3; ) {
    await fetch(`${config.stripeUrl}/_emulator/settle`, { method: "POST" });
    const { running, waiting } = await readWork(sql);
    idle = running.length === 0 ? idle + 1 : 0;
    if (Date.now() > deadline) {
      throw new StackError(
        `Some work does not end: ${[...running, ...waiting].join(", ")}.`,
        "`npm run logs` shows what the Edge Functions say. The clock keeps the days that have passed.",
      );
    }
    await sleep(25);
  }
}

async function readWork(sql: Sql): Promise<Work> {
  const rows = await sql<{ what: string; runs: boolean }[]>`
    select 'function ' || r.function_name as what, true as runs from private.internal_runs r where r.leased_until > clock_timestamp()
    union all
    select 'task ' || t.name, true from private.periodic_tasks t where t.started_at is not null
    union all
    select 'a call of a function', true where exists (select from net.http_request_queue)
    union all
    select 'queue ' || q.queue, false from private.job_queues q cross join lateral pgmq.metrics(q.queue) m
    where m.queue_visible_length > 0
    union all
    select 'Stripe task ' || s.kind, false from private.stripe_tasks s
    where s.done_at is null and s.dead_at is null and s.run_at <= clock_timestamp()`;
  return {
    running: rows.filter(({ runs }) => runs).map(({ what }) => what),
    waiting: rows.filter(({ runs }) => !runs).map(({ what }) => what),
  };
}

/**
 * Calls `change` while no periodic task and no Edge Function works and none can begin, so that no lease expires in its midst.
 *
 * @param sql a superuser's connection, with more than one session
 */
export async function whileIdle(sql: Sql, change: () => Promise<void>): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(25)) {
    const done = await sql.begin(async (tx) => {
      await tx`lock table private.periodic_tasks, private.internal_functions in share row exclusive mode`;
      const [busy] = await tx<[{ is: boolean }]>`
        select exists (select from private.periodic_tasks t where t.started_at is not null)
          or exists (select from private.internal_runs r where r.leased_until > clock_timestamp()) as is`;
      if (!busy.is) await change();
      return !busy.is;
    });
    if (done) return;
  }
  throw new StackError("The stack never stops working.", "`npm run logs` shows what it does.");
}
