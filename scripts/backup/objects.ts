// Copies of Storage's files. A file is written once under a name of its own, so a copy that exists is complete.

import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { errorCode } from "../lib/errors.ts";
import { publish } from "./files.ts";
import { objectFile } from "./store.ts";
import { openStored, store } from "./stored-file.ts";

/** The versions of all files that a data folder has. */
export function liveObjects(dataDir: string): Set<string> {
  const parent = join(dataDir, "objects");
  const parts = existsSync(parent) ? readdirSync(parent) : [];
  return new Set(parts.flatMap((part) => readdirSync(join(parent, part))));
}

export interface ObjectCopies {
  /** Copies the files that are new since the last call, and returns their number. */
  copyNew(): Promise<number>;
}

/** A folder is read again only when an entry was added to it or removed from it. */
export function createObjectCopies(dataDir: string, folder: string, key: Buffer | undefined): ObjectCopies {
  const parent = join(dataDir, "objects");
  const seen = new Map<string, number>();
  return {
    async copyNew() {
      let count = 0;
      for (const part of existsSync(parent) ? readdirSync(parent) : []) {
        const changed = statSync(join(parent, part)).mtimeMs;
        if (seen.get(part) === changed) continue;
        let complete = Date.now() - changed > 1_000; // else another file may come within the clock's step
        for (const version of readdirSync(join(parent, part))) {
          const copy = objectFile(folder, version, key);
          if (existsSync(copy.path)) continue;
          if (await copyObject(join(parent, part, version), copy)) count += 1;
          else complete = false;
        }
        if (complete) seen.set(part, changed);
      }
      return count;
    },
  };
}

/** False while the file is still being written, which takes a few seconds at most, or when it is gone. */
async function copyObject(file: string, copy: ReturnType<typeof objectFile>): Promise<boolean> {
  const facts = statSync(file, { throwIfNoEntry: false });
  if (facts === undefined || Date.now() - facts.mtimeMs < 1_000) return false;
  try {
    await store(createReadStream(file), copy);
    const now = statSync(file, { throwIfNoEntry: false });
    if (now === undefined || now.size === facts.size) return true;
    rmSync(copy.path, { force: true });
    return false;
  } catch (error) {
    if (errorCode(error) === "ENOENT" && !existsSync(file)) return false;
    throw error;
  }
}

/** Brings back the files that a data folder lacks, and returns the versions that the backups lack, too. */
export async function restoreObjects(
  dataDir: string,
  folder: string,
  versions: string[],
  key: Buffer | undefined,
): Promise<string[]> {
  const missing: string[] = [];
  for (const version of versions) {
    const target = join(dataDir, "objects", version.slice(0, 2), version);
    if (existsSync(target)) continue;
    const copy = objectFile(folder, version, key);
    if (!existsSync(copy.path)) {
      missing.push(version);
      continue;
    }
    mkdirSync(dirname(target), { recursive: true });
    await pipeline(await openStored(copy), createWriteStream(`${target}.partial`));
    await publish(`${target}.partial`, target);
  }
  return missing;
}
