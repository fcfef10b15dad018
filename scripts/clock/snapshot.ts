// A copy of the data folder from before the clock's first move, and its return. It is a base backup of the running Postgres
// (https://www.postgresql.org/docs/17/continuous-archiving.html), the stored objects, and the Stripe emulator's books.

import {
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { clockFile, type StackConfig } from "../lib/config.ts";
import { errorCode, StackError } from "../lib/errors.ts";

const folders = ["postgres", "objects"];
const books = "stripe.json";

function copyOf({ dataDir }: StackConfig): string {
  return join(dataDir, "before-clock");
}

export function hasSnapshot(config: StackConfig): boolean {
  return existsSync(copyOf(config));
}

/** Copies the data while the stack runs, unless there is a copy. @param sql a superuser's connection */
export async function takeSnapshot(config: StackConfig, sql: Sql): Promise<void> {
  if (hasSnapshot(config)) return;
  const target = `${copyOf(config)}.new`;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  await copyCluster(config, sql, join(target, "postgres"));
  // after the database: what the emulator alone knows reaches the database as an event
  copyFolder(join(config.dataDir, "objects"), join(target, "objects"));
  if (!copyFile(join(config.dataDir, books), join(target, books))) writeFileSync(join(target, books), "");
  renameSync(target, copyOf(config));
}

/** @param target the copy of the cluster's folder */
async function copyCluster(config: StackConfig, sql: Sql, target: string): Promise<void> {
  const source = join(config.dataDir, "postgres");
  const copy = (name: string, leaveOut: string[] = []) =>
    copyFolder(join(source, name), join(target, name), leaveOut, config.serverUser);
  const session = await sql.reserve(); // a backup ends with the session that began it
  try {
    // keeps the write-ahead log since the beginning of the backup
    await session`select pg_create_physical_replication_slot('before_clock', true, true)`;
    await session`select pg_backup_start('before clock', fast => true)`;
    copy("", ["pg_wal", "pg_replslot", "postmaster.pid", "postmaster.opts"]);
    const [stopped] = await session<[{ labelfile: string }]>`select labelfile from pg_backup_stop(false)`;
    writeFileSync(join(target, "backup_label"), stopped.labelfile);
    if (config.serverUser !== undefined) {
      chownSync(join(target, "backup_label"), config.serverUser.uid, config.serverUser.gid);
    }
    copy("pg_wal");
    copyFolder(join(source, "no-slots"), join(target, "pg_replslot"), [], config.serverUser);
  } finally {
    await session`select pg_drop_replication_slot('before_clock')`.catch(() => {});
    session.release();
  }
}

/** Copies a folder, without files that vanish meanwhile: Postgres needs none of them. A missing folder becomes an empty one. */
function copyFolder(
  source: string,
  target: string,
  leaveOut: string[] = [],
  owner?: { uid: number; gid: number },
): void {
  mkdirSync(target, { mode: 0o700, recursive: true });
  if (owner !== undefined) chownSync(target, owner.uid, owner.gid);
  if (!existsSync(source)) return;
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    if (leaveOut.includes(entry.name)) continue;
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) copyFolder(from, to, [], owner);
    else if (copyFile(from, to) && owner !== undefined) chownSync(to, owner.uid, owner.gid);
  }
}

/** Whether the file was there. */
function copyFile(source: string, target: string): boolean {
  try {
    copyFileSync(source, target, constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Puts the copy back. The stack must not run. A return that was interrupted goes on when it is called again. @throws StackError without a copy */
export function restoreSnapshot(config: StackConfig): void {
  const folder = copyOf(config);
  if (!hasSnapshot(config)) {
    throw new StackError("The clock has not been moved.", "`npm run reset` deletes the local data.");
  }
  for (const part of [...folders, books]) {
    if (!existsSync(join(folder, part))) continue;
    rmSync(join(config.dataDir, part), { recursive: true, force: true });
    renameSync(join(folder, part), join(config.dataDir, part));
  }
  rmSync(clockFile(config), { force: true });
  rmSync(folder, { recursive: true, force: true });
}
