// Files that are there as a whole or not at all, also after a crash.

import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a small file. */
export function writeWhole(path: string, text: string): void {
  const file = openSync(`${path}.new`, "w", 0o644);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
}

/** Gives a written file or folder its name, and waits until the disk has both. */
export async function publish(from: string, to: string): Promise<void> {
  await sync(from);
  await rename(from, to);
  await sync(dirname(to));
}

/** Waits until the disk has a file or the entries of a folder. Windows cannot do it for folders. */
export async function sync(path: string): Promise<void> {
  const file = await open(path, "r").catch((error) => {
    if (process.platform === "win32") return undefined;
    throw error;
  });
  try {
    await file?.sync();
  } catch (error) {
    if (process.platform !== "win32") throw error;
  } finally {
    await file?.close();
  }
}
