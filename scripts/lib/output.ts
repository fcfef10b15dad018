// Output: lines for the developer's terminal, and log files for the services.

import { Console } from "node:console";
import {
  accessSync,
  constants,
  createWriteStream,
  existsSync,
  mkdirSync,
  statSync,
  type WriteStream,
} from "node:fs";
import { join } from "node:path";
import type { StackConfig } from "./config.ts";
import { errorCode, StackError } from "./errors.ts";

/** Writes a line to the terminal. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Opens a log file to append to. A full disk loses lines of the log and never stops the stack. */
export function openLog(path: string): WriteStream {
  return createWriteStream(path, { flags: "a" }).on("error", () => {});
}

/** Sends this process's console, which libraries use too, to a log file. @throws StackError when the folder is not writable */
export function logToFile({ dataDir }: StackConfig): void {
  globalThis.console = new Console(openLog(join(logFolder(dataDir), "stack.log")));
}

/** Creates the log folder in the data folder. @throws StackError when it is not writable */
function logFolder(dataDir: string): string {
  const folder = join(dataDir, "logs");
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOTDIR" || code === "EEXIST") {
      const file = [dataDir, folder].find((path) => existsSync(path) && !statSync(path).isDirectory());
      throw new StackError(
        `${file ?? dataDir} is not a folder.`,
        "Remove that file, which has the name of the data folder, or choose another folder with STAYBASE_DIR.",
      );
    }
    // ENOENT is what Node makes of EROFS when it creates several folders
    if (!["EACCES", "EPERM", "EROFS", "ENOENT"].includes(code ?? "")) throw error;
    throw new StackError(
      `The data folder ${dataDir} is not writable.`,
      "It may belong to another user, or its file system is read-only. Start as that user, remove the folder, or choose another with STAYBASE_DIR.",
    );
  }
}
