// A copy of the data folder from before the clock's first move, and its return: the database, the stored objects, and the Stripe
// emulator's books.

import {
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
import { copyCluster } from "../backup/copy-cluster.ts";
import { renewLine } from "../backup/settings.ts";
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

/** Copies a folder, without files that vanish meanwhile. A missing folder becomes an empty one. */
function copyFolder(source: string, target: string): void {
  mkdirSync(target, { mode: 0o700, recursive: true });
  if (!existsSync(source)) return;
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (entry.isDirectory()) copyFolder(from, to);
    else copyFile(from, to);
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
  renewLine(config.dataDir);
  rmSync(clockFile(config), { force: true });
  rmSync(folder, { recursive: true, force: true });
}
