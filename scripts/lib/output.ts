// Two kinds of output: what the developer reads in the terminal, and what the parts in this process log.

import { Console } from "node:console";
import { accessSync, constants, createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import type { StackConfig } from "./config.ts";
import { errorCode, StackError } from "./errors.ts";

/** Writes a line to the terminal. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A log file to add to. A disk that is full costs lines of the log, never the stack. */
export function openLog(path: string): WriteStream {
  return createWriteStream(path, { flags: "a" }).on("error", () => {});
}

/** Makes the data folder's log folder. @throws StackError when it cannot be written */
function logFolder(dataDir: string): string {
  const folder = join(dataDir, "logs");
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch (error) {
    const code = errorCode(error);
    if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS") throw error;
    throw new StackError(
      `The data folder ${dataDir} cannot be written.`,
      "It may belong to another user: start as that user, remove it, or name another with STAYBASE_DIR.",
    );
  }
}

/** From here on the console of this process, libraries included, is a log like those of the other parts. */
export function logToFile({ dataDir }: StackConfig): void {
  globalThis.console = new Console(openLog(join(logFolder(dataDir), "stack.log")));
}
