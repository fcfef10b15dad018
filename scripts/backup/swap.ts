// The last step of a restore: the restored cluster replaces the one before, which is kept. It may be killed between any two of
// its steps; the next start or restore completes it.

import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeWhole } from "./files.ts";
import { renewLine } from "./settings.ts";

const schema = z.object({ aside: z.string() });

/** Where a restore works. */
export const restoreFolder = (dataDir: string) => join(dataDir, "restore");
export const restorePidFile = (dataDir: string) => join(dataDir, "restore.pid");

/** Names the folder that a cluster is kept in. */
export function asideName(): string {
  return `postgres.before-${new Date()
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(":", "-")}`;
}

/** Begins the swap with a cluster that has been recovered and stopped. @param aside the folder that keeps the cluster before */
export function beginSwap(dataDir: string, aside: string): void {
  writeWhole(swapFile(dataDir), JSON.stringify({ aside }));
}

/** Completes a swap that has begun, and returns whether there was one. */
export function completeSwap(dataDir: string): boolean {
  if (!existsSync(swapFile(dataDir))) return false;
  const { aside } = schema.parse(JSON.parse(readFileSync(swapFile(dataDir), "utf8")));
  const cluster = join(dataDir, "postgres");
  const restored = join(restoreFolder(dataDir), "postgres");
  if (existsSync(restored)) {
    if (existsSync(cluster)) renameSync(cluster, join(dataDir, aside));
    renameSync(restored, cluster);
  }
  rmSync(join(dataDir, "unfinished"), { force: true }); // of a first start: it would create the database again
  renewLine(dataDir);
  rmSync(restoreFolder(dataDir), { recursive: true, force: true });
  rmSync(swapFile(dataDir));
  return true;
}

function swapFile(dataDir: string): string {
  return join(dataDir, "swap.json");
}
