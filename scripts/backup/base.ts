// A backup of the whole database while it runs, by the replication protocol. The server writes a tar with a manifest; the tar is then
// checked against the manifest while it is compressed and encrypted. The backup gets its name as the last step.

import { chownSync, createReadStream, mkdirSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import postgres, { type Sql } from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import { publish, sync, writeWhole } from "./files.ts";
import { type Manifest, readManifest, readTar } from "./manifest.ts";
import type { BackupSettings } from "./settings.ts";
import { type Backup, baseFile, baseFolder, manifestFile } from "./store.ts";
import { store } from "./stored-file.ts";

/** Called with a step, and the part of it that is done where that is known. */
export type Report = (step: string, done?: number) => void;

/** In ms: a backup whose size does not change for so long has stopped, for example because its disk does not answer. */
const patience = 120_000;

/** @param admin a connection as superuser */
export async function takeBase(
  config: StackConfig,
  admin: Sql,
  { folder, line }: BackupSettings,
  key: Buffer | undefined,
  report: Report,
): Promise<Backup> {
  const startedAt = await databaseTime(admin);
  const name = startedAt.replace(/\.\d+Z$/, "Z").replaceAll(":", "-");
  const dir = `${name}.partial`;
  const raw = join(config.dataDir, "archive", `base-${name}`);
  await requireSpace(config, admin, folder);
  rmSync(raw, { recursive: true, force: true });
  mkdirSync(raw, { recursive: true });
  if (config.serverUser !== undefined) chownSync(raw, config.serverUser.uid, config.serverUser.gid);
  try {
    report("copying the database");
    await copyByServer(config, admin, raw, report);
    const finishedAt = await databaseTime(admin);
    const tar = join(raw, "base.tar");
    const manifestText = readFileSync(join(raw, "backup_manifest"), "utf8");
    const manifest = readManifest(manifestText);
    const { size } = statSync(tar);
    let read = 0;
    const source = createReadStream(tar, { highWaterMark: 1 << 20 });
    source.on("data", (chunk) => {
      read += chunk.length;
      report("checking and compressing", read / size);
    });
    const checked = source.pipe(new PassThrough({ highWaterMark: 1 << 20 }));
    const stored = source.pipe(new PassThrough({ highWaterMark: 1 << 20 }));
    source.on("error", (error) => {
      checked.destroy(error);
      stored.destroy(error);
    });
    const [, storedBytes] = await Promise.all([
      readTar(checked, manifest, nowhere).catch((error) => {
        stored.destroy(error); // else it would wait for ever
        throw error;
      }),
      store(stored, baseFile(folder, name, key, dir)).catch((error) => {
        checked.destroy(error);
        throw error;
      }),
    ]);
    const [facts] = await admin<{ bytes: number; version: string }[]>`
      select setting::integer as bytes, current_setting('server_version') as version
      from pg_catalog.pg_settings where name = 'wal_segment_size'`;
    const segmentBytes = facts?.bytes ?? 0;
    const backup: Backup = {
      name,
      startedAt,
      finishedAt,
      line,
      timeline: manifest.timeline,
      firstSegment: segmentOf(manifest, segmentBytes),
      segmentBytes,
      systemIdentifier: manifest.systemIdentifier,
      postgres: facts?.version ?? "",
      bytes: size,
      storedBytes,
      isEncrypted: key !== undefined,
    };
    await store(Readable.from([manifestText]), manifestFile(folder, name, key, dir));
    writeWhole(join(baseFolder(folder, dir), "backup.json"), `${JSON.stringify(backup, null, 2)}\n`);
    await sync(baseFolder(folder, dir));
    await publish(baseFolder(folder, dir), baseFolder(folder, name));
    return backup;
  } finally {
    rmSync(raw, { recursive: true, force: true });
    rmSync(baseFolder(folder, dir), { recursive: true, force: true });
  }
}

const nowhere = {
  async folder() {},
  async file(_path: string, content: Readable) {
    for await (const _ of content);
  },
};

/**
 * Lets the server write the tar and its manifest into a folder, and watches that it goes on.
 *
 * @param admin a connection as superuser
 * @param target an empty folder that Postgres may write to
 */
export async function copyByServer(
  config: StackConfig,
  admin: Sql,
  target: string,
  report: Report,
): Promise<void> {
  const replication = postgres(databaseUrl(config, "supabase_admin"), {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    connection: { replication: "true" } as Record<string, string>,
  });
  const quoted = `'${target.replaceAll("'", "''")}'`;
  // WAIT false, because the tar holds the changes that it needs: else a failing archive would keep it waiting for ever
  const command = `BASE_BACKUP (LABEL 'staybase', CHECKPOINT 'fast', WAL true, WAIT false, MANIFEST 'yes',
    MANIFEST_CHECKSUMS 'SHA256', TARGET 'server', TARGET_DETAIL ${quoted})`;
  const copying = replication
    .unsafe(command)
    .simple()
    .readable()
    // ended only after the last byte: the stream resolves at once, and an earlier end would break the backup off
    .then((stream) => stream.resume())
    .then(
      (stream) => new Promise<void>((resolve, reject) => stream.once("end", resolve).once("error", reject)),
    );
  let changedAt = Date.now();
  let last = "";
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_resolve, reject) => {
    timer = setInterval(async () => {
      const [progress] = await admin<{ phase: string; streamed: string; total: string | null }[]>`
        select phase, backup_streamed as streamed, backup_total as total from pg_catalog.pg_stat_progress_basebackup`.catch(
        () => [],
      );
      const state = `${progress?.phase} ${progress?.streamed}`;
      if (state !== last) changedAt = Date.now();
      last = state;
      const total = Number(progress?.total ?? 0);
      if (total > 0) report("copying the database", Math.min(1, Number(progress?.streamed) / total));
      if (Date.now() - changedAt > patience) {
        const remedy = "Look at `npm run logs`. A disk that does not answer is the usual reason.";
        reject(new StackError(`Postgres wrote nothing for ${patience / 1000} s.`, remedy));
      }
    }, 200);
  });
  try {
    await Promise.race([copying, stuck]);
  } finally {
    clearInterval(timer);
    await replication.end({ timeout: 0 });
  }
}

/** @throws StackError when the disk of the data folder or of the backups has too little space */
async function requireSpace({ dataDir }: StackConfig, admin: Sql, folder: string): Promise<void> {
  const [row] = await admin<{ bytes: string }[]>`
    select sum(pg_catalog.pg_database_size(oid))::bigint as bytes from pg_catalog.pg_database`;
  const bytes = Number(row?.bytes ?? 0);
  for (const path of new Set([dataDir, folder])) {
    const { bavail, bsize } = statfsSync(path);
    if (bavail * bsize > bytes * 1.2) continue;
    throw new StackError(
      `${path} has ${megabytes(bavail * bsize)} left; a backup of this database may need ${megabytes(bytes * 1.2)}.`,
      "Free some space, remove old backups, or back up to another disk with `npm run backup -- --to <folder>`.",
    );
  }
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

async function databaseTime(admin: Sql): Promise<string> {
  const [row] = await admin<{ now: Date }[]>`select clock_timestamp() as now`;
  return (row?.now ?? new Date()).toISOString();
}

/** The segment of the first change that a restore needs. */
function segmentOf({ timeline, startLsn }: Manifest, segmentBytes: number): string {
  const [high = "0", low = "0"] = startLsn.split("/");
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, "0");
  return (
    hex(timeline) + hex(Number.parseInt(high, 16)) + hex(Math.floor(Number.parseInt(low, 16) / segmentBytes))
  );
}
