// The folder of the backups:
//
//     base/<name>/        one backup: base.tar, backup_manifest, backup.json; a name that ends in .partial is no backup
//     wal/<line>/         the changes since, in segments
//     objects/<xx>/       Storage's files; content never changes under a name, so each is copied once
//     stripe.json         the emulator's books. Like Stripe, they never go back in time, so only the newest copy is kept.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { StackError } from "../lib/errors.ts";
import { writeWhole } from "./files.ts";
import type { StoredFile } from "./stored-file.ts";

const backupSchema = z.object({
  name: z.string(),
  /** ISO 8601. A restore to an earlier moment than `finishedAt` needs an earlier backup. */
  startedAt: z.string(),
  finishedAt: z.string(),
  line: z.string(),
  timeline: z.number(),
  /** The first segment that a restore needs. */
  firstSegment: z.string(),
  segmentBytes: z.number(),
  systemIdentifier: z.string(),
  postgres: z.string(),
  /** Size of the tar before compression, and of the stored files. */
  bytes: z.number(),
  storedBytes: z.number(),
  isEncrypted: z.boolean(),
});

export type Backup = z.infer<typeof backupSchema>;

export const baseFolder = (folder: string, name: string) => join(folder, "base", name);
export const walFolder = (folder: string, line: string) => join(folder, "wal", line);

export function baseFile(folder: string, name: string, key: Buffer | undefined, dir = name): StoredFile {
  return { path: join(baseFolder(folder, dir), "base.tar.zst"), name: `base/${name}`, key, compressed: true };
}

export function manifestFile(folder: string, name: string, key: Buffer | undefined, dir = name): StoredFile {
  const path = join(baseFolder(folder, dir), "backup_manifest.zst");
  return { path, name: `manifest/${name}`, key, compressed: true };
}

export function segmentFile(
  folder: string,
  line: string,
  segment: string,
  key: Buffer | undefined,
): StoredFile {
  const path = join(walFolder(folder, line), `${segment}.zst`);
  return { path, name: `wal/${line}/${segment}`, key, compressed: true };
}

export function objectFile(folder: string, version: string, key: Buffer | undefined): StoredFile {
  const path = join(folder, "objects", version.slice(0, 2), version);
  return { path, name: `objects/${version}`, key, compressed: false };
}

export function booksFile(folder: string, key: Buffer | undefined): StoredFile {
  return { path: join(folder, "stripe.json.zst"), name: "stripe.json", key, compressed: true };
}

/** All complete backups, oldest first. @throws StackError when there is no such folder */
export function listBackups(folder: string): Backup[] {
  const parent = join(folder, "base");
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((name) => !name.endsWith(".partial"))
    .sort()
    .map((name) => readBackup(join(parent, name, "backup.json")));
}

function readBackup(file: string): Backup {
  try {
    return backupSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new StackError(
      `${file} is not valid: ${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}`,
      "Remove the folder of this backup if it is damaged, and use another one.",
    );
  }
}

/** Segments of a line that have been stored, in order. */
export function storedSegments(folder: string, line: string): string[] {
  const wal = walFolder(folder, line);
  if (!existsSync(wal)) return [];
  return readdirSync(wal)
    .flatMap((name) => /^([0-9A-F]{24})\.zst$/.exec(name)?.[1] ?? [])
    .sort();
}

/**
 * Removes all but the newest `keep` backups, with what only they need: segments, and files of objects that were removed before the
 * oldest that is left.
 *
 * @param liveObjects the versions that Storage has now
 * @returns the names of the removed backups
 */
export function prune(folder: string, keep: number, line: string, liveObjects: Set<string>): string[] {
  const backups = listBackups(folder);
  const removed = backups.slice(0, -keep);
  const kept = backups.slice(-keep);
  for (const { name } of removed) {
    const partial = `${baseFolder(folder, name)}.partial`;
    renameSync(baseFolder(folder, name), partial); // from here on it is no backup
    rmSync(partial, { recursive: true });
  }
  const lines = existsSync(join(folder, "wal")) ? readdirSync(join(folder, "wal")) : [];
  for (const other of lines) {
    const first = kept.find((backup) => backup.line === other)?.firstSegment;
    if (first === undefined && other !== line) rmSync(walFolder(folder, other), { recursive: true });
    if (first === undefined) continue;
    for (const segment of storedSegments(folder, other)) {
      if (segment < first) rmSync(segmentFile(folder, other, segment, undefined).path);
    }
    for (const name of readdirSync(walFolder(folder, other))) {
      const path = join(walFolder(folder, other), name);
      if (name.endsWith(".partial") && isOld(path)) rmSync(path, { force: true }); // of a process that was killed
    }
  }
  const oldest = kept[0];
  if (oldest !== undefined) pruneObjects(folder, Date.parse(oldest.startedAt), liveObjects);
  return removed.map(({ name }) => name);
}

/** Nothing is written for so long. */
function isOld(path: string): boolean {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts !== undefined && Date.now() - facts.mtimeMs > 3_600_000;
}

/** Removes files of objects that were gone before the oldest backup began; `objects-gone.json` says since when each is known to be gone. */
function pruneObjects(folder: string, oldest: number, live: Set<string>): void {
  const parent = join(folder, "objects");
  const list = join(folder, "objects-gone.json");
  const gone = existsSync(list) ? goneSchema.parse(JSON.parse(readFileSync(list, "utf8"))) : {};
  const still: Record<string, number> = {};
  for (const part of existsSync(parent) ? readdirSync(parent) : []) {
    for (const version of readdirSync(join(parent, part))) {
      if (live.has(version)) continue;
      const since = gone[version] ?? Date.now();
      if (since < oldest) rmSync(join(parent, part, version));
      else still[version] = since;
    }
  }
  writeWhole(list, JSON.stringify(still));
}

/** In ms since 1970, by version. */
const goneSchema = z.record(z.string(), z.number());
