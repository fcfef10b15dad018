// Lets time pass on the embedded stack, by at most a day at once: what falls due on a day is done before the next one begins.

import { writeFileSync } from "node:fs";
import type { Sql } from "postgres";
import { clockFile, type StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { requireUnpaused } from "../lib/pause.ts";
import { type Changes, changesSince, mark } from "./changes.ts";
import { day } from "./duration.ts";
import { installClock, isInstalled, readAhead, requireEmbedded, setAhead } from "./postgres-clock.ts";
import { takeSnapshot } from "./snapshot.ts";
import { finishWork, whileIdle } from "./work.ts";

export interface Step {
  /** Milliseconds since 1970. */
  now: number;
  changes: Changes;
}

/**
 * Moves the clock of a running stack and does what falls due. The first move copies the data folder and installs the clock.
 *
 * @param milliseconds how far
 * @param report called after each step
 * @throws StackError when the database is not the embedded one or everything is paused, and for a custom Stripe key: Stripe's own clock cannot be moved
 */
export async function moveClock(
  config: StackConfig,
  milliseconds: number,
  report: (step: Step) => void = () => {},
): Promise<void> {
  const sql = openDatabase(config, "supabase_admin", { max: 3 });
  try {
    await requireEmbedded(config, sql);
    await requireUnpaused(sql);
    await runMinutely(sql);
    await finishWork(config, sql);
    if (!(await isInstalled(sql))) await beginClock(config, sql);
    const start = (await readAhead(sql)) ?? 0;
    for (let moved = 0; moved < milliseconds; ) {
      const before = await mark(sql, config.mailUrl);
      moved = Math.min(moved + day, milliseconds);
      const ahead = start + moved;
      await whileIdle(sql, async () => {
        await setAhead(sql, ahead);
        writeFileSync(clockFile(config), String(ahead));
      });
      await finishWork(config, sql);
      report({ now: Date.now() + ahead, changes: await changesSince(sql, config.mailUrl, before) });
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Makes due what runs every minute: it would have run before the next day began. */
async function runMinutely(sql: Sql): Promise<void> {
  await sql`update private.periodic_tasks set last_run_at = last_run_at - every where every <= interval '1 minute' and started_at is null`;
}

/** Copies the data folder and installs the clock. */
async function beginClock(config: StackConfig, sql: Sql): Promise<void> {
  await takeSnapshot(config, sql);
  await installClock(sql);
}
