// The release of a restored database: the platform goes on, Stripe is searched for what the database has lost, and payouts and charges
// go on when an operator has decided about each orphan. It may be stopped at any time and called again.

import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { errorCode, StackError } from "../lib/errors.ts";
import { runningPid } from "../stack/stack.ts";
import { createReport } from "./report.ts";

interface Pause {
  operation: "all" | "payouts" | "charges";
  isRestore: boolean;
}

/** Of the function private.restore_progress. */
interface Progress {
  searched: number;
  reading: number;
  given_up: number;
  open: number;
}

/** In ms: how long the command waits for the search and the comparison; both go on without it. */
const patience = { search: 600_000, comparison: 60_000 };

/**
 * @param note why the platform may go on
 * @param despiteOrphans whether payouts and charges go on before Stripe was searched and every orphan was settled
 */
export async function release(config: StackConfig, note = "", despiteOrphans = false): Promise<void> {
  if (note.trim() === "") {
    throw new StackError("Say why the platform may go on.", 'Add --note "…": other operators read it.');
  }
  if (runningPid(config) === undefined) {
    throw new StackError(
      "Staybase is not running.",
      "Start it with `npm start`, look at it, then release it.",
    );
  }
  const sql = openDatabase(config, "postgres");
  const report = createReport();
  try {
    const pauses = await readPauses(sql);
    if (pauses.length === 0) {
      throw new StackError("The platform is not paused.", "Read operation_pauses to see what was.");
    }
    if (pauses.some(({ operation }) => operation === "all")) {
      await sql`select from public.resume_operation('all', ${note})`;
      console.log("The platform goes on. Payouts and charges wait for a search of Stripe.");
    }
    const rest = pauses.filter(({ operation, isRestore }) => operation !== "all" && isRestore);
    if (rest.length === 0) return;
    if (!despiteOrphans) {
      report("searching Stripe for payments, refunds and transfers that are lost here");
      const progress = await untilSearched(sql);
      report("comparing the ledger with Stripe");
      const comparison = await compare(sql);
      report.end();
      console.log(comparison);
      if (progress.given_up > 0 || progress.searched < 3 || progress.open > 0) {
        console.log(await whatIsOpen(sql, progress));
        process.exitCode = 1;
        return;
      }
    }
    for (const { operation } of rest) {
      await sql`select from public.resume_operation(${operation}, ${note}, ${despiteOrphans})`;
    }
    console.log("Payouts and charges go on. Make a backup now: npm run backup");
  } catch (error) {
    report.end();
    if (errorCode(error) !== "PT409") throw error;
    throw new StackError(error instanceof Error ? error.message : String(error), "Call this command again.");
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function readPauses(sql: Sql): Promise<Pause[]> {
  return sql<Pause[]>`
    select operation, sweep_since is not null as "isRestore" from public.operation_pauses
    where resumed_at is null order by operation`;
}

/** Waits until every list was searched and every object that differed was read, or one was given up. */
async function untilSearched(sql: Sql): Promise<Progress> {
  for (const deadline = Date.now() + patience.search; ; await sleep(500)) {
    const [progress] = await sql<Progress[]>`
      select r.searched::int, r.reading::int, r.given_up::int, r.open::int
      from public.operation_pauses p, private.restore_progress(p) r
      where p.resumed_at is null and p.operation <> 'all' and p.sweep_since is not null
      limit 1`;
    if (progress === undefined) return { searched: 3, reading: 0, given_up: 0, open: 0 }; // resumed by someone else
    const isDone = progress.searched === 3 && progress.reading === 0;
    if (isDone || (progress.given_up > 0 && progress.reading === 0) || Date.now() > deadline) return progress;
  }
}

/** Calls reconcile, unless it has run since the search, and says what it found. */
async function compare(sql: Sql): Promise<string> {
  await sql`select private.wake_worker('reconcile')`;
  for (const deadline = Date.now() + patience.comparison; Date.now() < deadline; await sleep(500)) {
    const [row] = await sql<{ open: number }[]>`
      select (select count(*)::int from private.reconciliation_differences d where d.resolved_at is null) as open
      from private.reconciliations r
      where r.run_at > (select max(s.finished_at) from public.orphan_sweeps s where s.since is not null)
      limit 1`;
    if (row?.open === 0) return "The ledger agrees with Stripe.";
    if (row !== undefined)
      return `The ledger differs from Stripe in ${row.open} lines: read reconciliation_differences.`;
  }
  return "The ledger is compared with Stripe within ten minutes: read reconciliation_differences.";
}

/** What an operator has to do before payouts and charges go on. */
async function whatIsOpen(sql: Sql, { given_up, open, searched }: Progress): Promise<string> {
  const orphans = await sql<{ id: string; text: string }[]>`
    select o.id, concat_ws('  ', o.kind, o.stripe_id, o.amount || ' minor units of ' || o.currency, o.description) as text
    from public.orphans o where o.status = 'open' order by o.found_at limit 20`;
  const lines = orphans.map(({ id, text }) => `  ${id}  ${text}`);
  if (open > orphans.length) lines.push(`  and ${open - orphans.length} more`);
  const other = [
    searched < 3 ? `${3 - searched} lists of Stripe are still being searched.` : "",
    given_up > 0
      ? `${given_up} reads of Stripe were given up: read dead_stripe_tasks and replay_stripe_task.`
      : "",
  ].filter((line) => line !== "");
  return `Payouts and charges stay paused.

${[...lines, ...other].join("\n")}

Decide about each orphan as an operator, with rebook_orphan or refund_orphan (docs/operate/orphans.md), and call this command again.
With --despite-orphans payouts and charges go on at once.`;
}
