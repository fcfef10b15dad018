// Recovers a cluster from a backup: unpacks it, adds the changes since, and replays them in a Postgres process of its own, which ends
// recovery before anything else may use the cluster. A recovery that was killed leaves a folder that nothing starts.

import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import type { Sql } from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { StackError } from "../lib/errors.ts";
import { freePort } from "../lib/ports.ts";
import { endLeftovers, postgresSignals } from "../stack/parts.ts";
import { accepts, serverCommand } from "../stack/postgres.ts";
import { ManagedProcess, startGuard } from "../stack/processes.ts";
import { prepareServerFiles } from "../stack/server-files.ts";
import type { Report } from "./base.ts";
import { readManifest } from "./manifest.ts";
import { type Backup, baseFile, manifestFile, segmentFile, storedSegments } from "./store.ts";
import { openStored } from "./stored-file.ts";
import type { Target } from "./target.ts";
import { unpackCluster } from "./unpack.ts";

export interface Recovery {
  config: StackConfig;
  /** The folder of the backups. */
  folder: string;
  backup: Backup;
  target: Target;
  key: Buffer | undefined;
  /** The folder to work in; the cluster is in its folder `postgres`. */
  work: string;
}

export interface Recovered {
  /** As superuser. */
  sql: Sql;
  /** When the last change was committed; undefined when there was none after the backup. */
  lastChange: Date | undefined;
  /** Stops the server cleanly. The cluster needs no recovery then. */
  stop(): Promise<void>;
}

/** @throws StackError when the backup is damaged, or the changes do not reach the target */
export async function recover(recovery: Recovery, report: Report): Promise<Recovered> {
  const { config, work } = recovery;
  await endLeftovers(work);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  chmodSync(work, 0o755); // Postgres may run as another user
  const endGuard = startGuard(work);
  try {
    const cluster = join(work, "postgres");
    await unpack(recovery, cluster, report);
    report("adding the changes since");
    await addSegments(recovery, cluster);
    report("replaying");
    const files = await prepareServerFiles(config.dataDir);
    return await replay(recovery, files, cluster, endGuard);
  } catch (error) {
    endGuard();
    await endLeftovers(work);
    throw error;
  }
}

async function unpack(recovery: Recovery, cluster: string, report: Report): Promise<void> {
  const { config, folder, backup, key } = recovery;
  const manifest = readManifest(await text(await openStored(manifestFile(folder, backup.name, key))));
  const tar = await openStored(baseFile(folder, backup.name, key));
  await unpackCluster(config, tar, manifest, cluster, (read) =>
    report("unpacking and checking the backup", Math.min(1, read / backup.bytes)),
  );
}

/** Puts the stored changes since the backup into the cluster. */
async function addSegments(
  { config, folder, backup, target, key }: Recovery,
  cluster: string,
): Promise<void> {
  if (target.kind === "backup") return; // the tar has the changes that it needs
  for (const segment of storedSegments(folder, backup.line)) {
    if (segment < backup.firstSegment) continue;
    const path = join(cluster, "pg_wal", segment);
    writeSparse(path, await buffer(await openStored(segmentFile(folder, backup.line, segment, key))));
    if (config.serverUser !== undefined) chownSync(path, config.serverUser.uid, config.serverUser.gid);
  }
}

/** A segment that ends early is filled with zeros, which need no space on the disk. */
function writeSparse(path: string, content: Buffer): void {
  let end = content.length;
  while (end > 0 && content[end - 1] === 0) end -= 1;
  const file = openSync(path, "w", 0o600);
  writeSync(file, content, 0, end);
  ftruncateSync(file, content.length);
  closeSync(file);
}

async function replay(
  recovery: Recovery,
  files: string,
  cluster: string,
  endGuard: () => void,
): Promise<Recovered> {
  const { config, target, work } = recovery;
  const own = { ...config, dataDir: work, ports: { ...config.ports, db: await freePort("inner") } };
  writeFileSync(join(cluster, "recovery.signal"), "");
  const server = new ManagedProcess({
    name: "postgres",
    // on the command line, so that nothing of it is left in the cluster
    ...serverCommand(own, files, cluster, {
      archive_mode: "off",
      synchronous_standby_names: "", // nothing follows it
      hot_standby: "off", // it answers once it has left recovery
      restore_command: "exit 1", // everything is in pg_wal
      recovery_target_timeline: "current",
      recovery_target_action: "promote",
      ...targetSettings(target),
    }),
    dataDir: work,
    cwd: cluster,
    user: config.serverUser,
    stopSignals: postgresSignals,
  });
  server.start();
  const sql = openDatabase(own, "supabase_admin");
  const stop = async () => {
    await sql.end({ timeout: 1 });
    await server.stop();
    endGuard();
  };
  try {
    await server
      .until(() => accepts(databaseUrl(own, "supabase_admin")), 6 * 3_600_000)
      .catch((error) => {
        throw explained(error, recovery);
      });
    await sql`checkpoint`; // from here on a crash replays on the new timeline alone
    const [state] = await sql<{ recovering: boolean; last: Date | null }[]>`
      select pg_catalog.pg_is_in_recovery() as recovering, pg_catalog.pg_last_xact_replay_timestamp() as last`;
    const lastChange = state?.last ?? undefined;
    if (state?.recovering !== false) throw new Error("Postgres answered during recovery.");
    if (target.kind === "time" && lastChange !== undefined && lastChange > target.time) {
      throw new Error(`Postgres went past the target, to ${lastChange.toISOString()}.`);
    }
    return { sql, lastChange, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function targetSettings(target: Target): Record<string, string> {
  if (target.kind === "time") return { recovery_target_time: target.time.toISOString().replace("Z", "+00") };
  return target.kind === "backup" ? { recovery_target: "immediate" } : {};
}

function explained(error: unknown, { target, backup }: Recovery): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (!message.includes("before configured recovery target was reached")) {
    return new StackError(message, "Nothing was changed. Try another backup, or another moment.");
  }
  const at = target.kind === "time" ? target.time.toISOString() : "";
  return new StackError(
    `The stored changes end before ${at}.`,
    `Nothing was committed after that moment, or its changes were not stored. Use --at latest for the newest stored change, or --at ${backup.name} for the end of the backup.`,
  );
}
