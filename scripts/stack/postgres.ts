// The Postgres 17 server: its files, its database cluster, its process.

import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { renewLine, writeArchiveSettings } from "../backup/settings.ts";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { errorCode, StackError } from "../lib/errors.ts";
import { isPostgresIn, partEnvironment, postgresSignals } from "./parts.ts";
import { ManagedProcess } from "./processes.ts";
import { waitForNoReplica } from "./replicas/synchronous.ts";
import { prepareServerFiles } from "./server-files.ts";
import type { Service } from "./service.ts";

const exe = process.platform === "win32" ? ".exe" : "";

/** @param failed called when the server exits unexpectedly */
export function createPostgres(config: StackConfig, failed: (error: StackError) => void): Service {
  const cluster = join(config.dataDir, "postgres");
  const stopped = new AbortController();
  let server: ManagedProcess | undefined;

  return {
    name: "postgres",
    async start() {
      const files = await prepareServerFiles(config.dataDir);
      if (!existsSync(cluster) || existsSync(unfinishedFile(config)))
        await initCluster(config, files, cluster, stopped.signal);
      requireNoRecovery(cluster);
      writeArchiveSettings(config, cluster);
      waitForNoReplica(cluster);
      removeStaleLock(cluster);
      stopped.signal.throwIfAborted();
      server = new ManagedProcess({
        name: "postgres",
        ...serverCommand(config, files, cluster),
        dataDir: config.dataDir,
        cwd: cluster,
        user: config.serverUser,
        failed,
        stopSignals: postgresSignals,
      });
      server.start();
    },
    async ready() {
      await server?.until(() => accepts(databaseUrl(config, "supabase_admin")), 60_000);
    },
    async stop() {
      stopped.abort();
      await server?.stop();
    },
  };
}

/** @param more settings that replace others */
export function serverCommand(
  config: StackConfig,
  files: string,
  cluster: string,
  more: Record<string, string> = {},
): { command: string; args: string[] } {
  const values = Object.entries({ ...settings(config), ...more });
  return {
    command: join(files, "bin", `postgres${exe}`),
    args: ["-D", cluster, ...values.flatMap(([name, value]) => ["-c", `${name}=${value}`])],
  };
}

/**
 * A cluster that is to be recovered would answer while it still replays, and one that is stopped while it is being promoted goes past
 * its target at the next start.
 */
function requireNoRecovery(cluster: string): void {
  for (const name of ["recovery.signal", "standby.signal"]) {
    if (!existsSync(join(cluster, name))) continue;
    throw new StackError(
      `This database is in recovery: ${join(cluster, name)} exists.`,
      "Restore with `npm run restore`, which recovers in a process of its own. To finish a recovery of your own, run `postgres` on this folder until pg_is_in_recovery() is false, then CHECKPOINT, stop it, and start again.",
    );
  }
}

/** Marks the database as created, migrated and seeded. Without the mark, the next start creates it again. */
export function finishDatabase(config: StackConfig): void {
  rmSync(unfinishedFile(config), { force: true });
}

export function unfinishedFile({ dataDir }: StackConfig): string {
  return join(dataDir, "unfinished");
}

/** Whether the database answers a query; false while it starts. */
export async function accepts(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    await sql`select 1`;
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ECONNREFUSED" || code === "57P03" || code === "CONNECTION_CLOSED" || code === "ECONNRESET")
      return false;
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/**
 * Removes the lock file of a killed server when no process works on the cluster. Postgres would take a zombie for a running server, and
 * after a restart of a container any program that has got its process id.
 */
export function removeStaleLock(cluster: string): void {
  const lock = join(cluster, "postmaster.pid");
  if (process.platform !== "linux" || !existsSync(lock)) return;
  if (!readdirSync("/proc").some((name) => isPostgresIn(cluster, Number(name)))) rmSync(lock);
}

async function initCluster(
  config: StackConfig,
  files: string,
  cluster: string,
  signal: AbortSignal,
): Promise<void> {
  writeFileSync(unfinishedFile(config), "");
  renewLine(config.dataDir);
  rmSync(cluster, { recursive: true, force: true });
  mkdirSync(cluster, { recursive: true, mode: 0o700 });
  const passwordFile = join(config.dataDir, "initdb-password");
  writeFileSync(passwordFile, "postgres\n");
  if (config.serverUser !== undefined) chownSync(cluster, config.serverUser.uid, config.serverUser.gid);
  try {
    await promisify(execFile)(
      join(files, "bin", `initdb${exe}`),
      [
        ...["--pgdata", cluster, "--username", "supabase_admin", "--pwfile", passwordFile],
        ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"],
        ...["--locale-provider", "icu", "--icu-locale", "en-US", "--no-instructions"],
        // small segments, because a backup switches to the next one every minute
        ...["--wal-segsize", "1"],
      ],
      {
        cwd: cluster,
        signal,
        env: { ...process.env, ...partEnvironment(config.dataDir, "initdb") },
        ...config.serverUser,
      },
    );
  } catch (error) {
    rmSync(cluster, { recursive: true, force: true });
    signal.throwIfAborted();
    const { stderr, message } = error as { stderr?: string; message?: string };
    const reason = stderr?.trim() || message;
    throw new StackError(
      `The database could not be created: ${reason}`,
      `Check that the disk has free space and that ${config.dataDir} is writable.`,
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function settings(config: StackConfig): Record<string, string | number> {
  return {
    port: config.ports.db,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 100,
    shared_buffers: "512MB", // allocated only as data is read
    jit: "off",
    wal_level: "logical", // as on hosted Supabase, where Realtime reads it
    archive_mode: "on", // what is archived, and where, may change without a restart: see backup/settings.ts
    max_slot_wal_keep_size: "2GB", // a replica that is gone for longer is built again
    min_wal_size: "80MB", // the defaults, which initdb lowers for small segments
    max_wal_size: "1GB",
    shared_preload_libraries: "pg_stat_statements",
    log_line_prefix: "%m [%p] %q%u %a ", // for the API, the application is the id of the request
    timezone: "UTC",
    "cron.database_name": "postgres",
  };
}
