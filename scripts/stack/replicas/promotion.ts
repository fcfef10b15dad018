// Makes a replica the primary while the stack is stopped. The replica that has applied most ends its recovery in a process of its own,
// and then takes the position of the old cluster, which is kept.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { asideName, beginSwap, completeSwap, restoreFolder } from "../../backup/swap.ts";
import { databaseUrl, type StackConfig } from "../../lib/config.ts";
import { openDatabase } from "../../lib/database.ts";
import { StackError } from "../../lib/errors.ts";
import { freePort } from "../../lib/ports.ts";
import { postgresSignals } from "../parts.ts";
import { accepts, removeStaleLock, serverCommand } from "../postgres.ts";
import { ManagedProcess } from "../processes.ts";
import { prepareServerFiles } from "../server-files.ts";

export interface Promotion {
  name: string;
  /** When the last change that it has was committed. */
  lastChange: Date | undefined;
  /** The name of the folder that the old cluster is kept in. */
  aside: string;
}

interface Candidate {
  name: string;
  cluster: string;
  /** As superuser. */
  sql: Sql;
  position: bigint;
  /** False when an earlier promotion was killed after it had ended the recovery. */
  recovers: boolean;
  lastChange: Date | undefined;
  stop(): Promise<void>;
}

/** @throws StackError when no replica can be promoted */
export async function promote(config: StackConfig, report: (text: string) => void): Promise<Promotion> {
  completeSwap(config.dataDir); // of a promotion that was killed at its end
  const replicas = join(config.dataDir, "replicas");
  const names = existsSync(replicas) ? readdirSync(replicas).sort() : [];
  const candidates: Candidate[] = [];
  try {
    for (const name of names.filter((one) => existsSync(join(replicas, one, "postgres")))) {
      const candidate = await open(config, name, join(replicas, name, "postgres")).catch((error) =>
        report(`${name} cannot be used: ${String(error)}`),
      );
      if (candidate === undefined) continue;
      candidates.push(candidate);
      report(`${name} has applied ${candidate.position} bytes of the log.`);
    }
    const [best, ...others] = candidates.sort((a, b) => Number(b.position - a.position));
    if (best === undefined) {
      throw new StackError(
        `There is no replica in ${replicas} that can be promoted.`,
        "Restore a backup with `npm run restore -- --at latest`.",
      );
    }
    for (const other of others) await other.stop();
    if (best.recovers) await best.sql`select pg_catalog.pg_promote(true, 60)`;
    const [state] = await best.sql<
      { recovers: boolean }[]
    >`select pg_catalog.pg_is_in_recovery() as recovers`;
    if (state?.recovers !== false)
      throw new StackError(`${best.name} did not end its recovery.`, "Try it again.");
    await best.sql`checkpoint`; // from here on a crash replays on the new timeline alone
    await best.stop();
    const aside = asideName();
    const work = restoreFolder(config.dataDir);
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
    beginSwap(config.dataDir, aside); // before the move: what is in the folder without it is removed
    renameSync(best.cluster, join(work, "postgres"));
    completeSwap(config.dataDir);
    rmSync(replicas, { recursive: true }); // they follow the old primary
    return { name: best.name, lastChange: best.lastChange, aside };
  } finally {
    for (const candidate of candidates) await candidate.stop();
  }
}

/** Starts a replica that follows no one, and lets it apply all that it has received. */
async function open(config: StackConfig, name: string, cluster: string): Promise<Candidate> {
  const own = { ...config, ports: { ...config.ports, db: await freePort("inner") } };
  const files = await prepareServerFiles(config.dataDir);
  removeStaleLock(cluster);
  const server = new ManagedProcess({
    name: `${name}-postgres`,
    ...serverCommand(own, files, cluster, {
      archive_mode: "off",
      synchronous_standby_names: "",
      primary_conninfo: "",
      recovery_min_apply_delay: "0",
    }),
    dataDir: config.dataDir,
    cwd: cluster,
    user: config.serverUser,
    stopSignals: postgresSignals,
  });
  server.start();
  const sql = openDatabase(own, "supabase_admin");
  const stop = async () => {
    await sql.end({ timeout: 1 });
    await server.stop();
  };
  try {
    await server.until(() => accepts(databaseUrl(own, "supabase_admin")), 600_000);
    await server.until(() => hasAppliedAll(sql), 3_600_000);
    const [state] = await sql<{ position: string; recovers: boolean; last: Date | null }[]>`
      select
          pg_catalog.pg_wal_lsn_diff(
              case when r.recovers then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn() end, '0/0'
          )::bigint as position,
          r.recovers, pg_catalog.pg_last_xact_replay_timestamp() as last
      from pg_catalog.pg_is_in_recovery() as r (recovers)`;
    const position = BigInt(state?.position ?? 0);
    return {
      name,
      cluster,
      sql,
      position,
      recovers: state?.recovers !== false,
      lastChange: state?.last ?? undefined,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Postgres waits for more changes only when it has applied those that it has. */
async function hasAppliedAll(sql: Sql): Promise<boolean> {
  const [done] = await sql`
    select where not pg_catalog.pg_is_in_recovery() or exists (
        select from pg_catalog.pg_stat_activity
        where backend_type = 'startup' and wait_event in ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')
    )`;
  return done !== undefined;
}
