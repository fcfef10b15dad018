// `npm run logs [-- service ...]`: prints the last lines of each service's log, and follows them while the stack runs.

import { createReadStream, existsSync, readdirSync, readFileSync, statSync, watch } from "node:fs";
import { basename, join } from "node:path";
import { loadConfig } from "./lib/config.ts";
import { explainUncaught } from "./lib/errors.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const folder = join(loadConfig().dataDir, "logs");
const wanted = process.argv.slice(2);
const read = new Map<string, number>();

function isWanted(file: string): boolean {
  return file.endsWith(".log") && (wanted.length === 0 || wanted.includes(basename(file, ".log")));
}

function print(file: string, text: string): void {
  for (const line of text.split("\n"))
    if (line !== "") console.log(`${basename(file, ".log").padEnd(10)} ${line}`);
}

if (!existsSync(folder)) {
  console.log("There are no logs yet. Start the stack with `npm start`.");
} else {
  for (const file of readdirSync(folder).filter(isWanted)) {
    const text = readFileSync(join(folder, file), "utf8");
    print(file, text.split("\n").slice(-11).join("\n"));
    read.set(file, Buffer.byteLength(text));
  }
  if (runningPid(loadConfig()) !== undefined) {
    watch(folder, (_event, file) => {
      if (file === null || !isWanted(file)) return;
      const start = read.get(file) ?? 0;
      const { size } = statSync(join(folder, file));
      if (size <= start) return;
      read.set(file, size);
      createReadStream(join(folder, file), { start, end: size - 1, encoding: "utf8" }).on("data", (text) =>
        print(file, String(text)),
      );
    });
  }
}
