// `npm run logs [-- service ...] [--follow | --request <id>]`: prints the last lines of each service's log, with --follow each new line,
// and with --request what one request did.

import { createReadStream, existsSync, readdirSync, readFileSync, statSync, watch } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { loadConfig } from "./lib/config.ts";
import { explainUncaught, StackError } from "./lib/errors.ts";
import { wayOf } from "./logs/request.ts";

const usage = "npm run logs -- [service ...] [--follow | --request <id>]";

interface Arguments {
  services: string[];
  follow: boolean;
  /** The id of a request. */
  request: string | undefined;
}

explainUncaught();
const config = loadConfig();
const folder = join(config.dataDir, "logs");
const given = readArguments();
if (!existsSync(folder)) throw new StackError("There are no logs yet.", "Start the stack with `npm start`.");
if (given.request === undefined) run(given);
else for (const line of await wayOf(config, given.request)) console.log(line);

function readArguments(): Arguments {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { follow: { type: "boolean", short: "f" }, request: { type: "string" } },
    });
    return { services: positionals, follow: values.follow ?? false, request: values.request };
  } catch (error) {
    throw new StackError(error instanceof Error ? error.message : String(error), usage);
  }
}

/** @throws StackError for a service that has no log */
function run({ services, follow }: Arguments): void {
  const known = readdirSync(folder).filter((file) => file.endsWith(".log"));
  const missing = services.find((service) => !known.includes(`${service}.log`));
  if (missing !== undefined) {
    const names = known.map((file) => basename(file, ".log")).join(", ");
    throw new StackError(`The service ${missing} has no log.`, `There are logs of ${names}.`);
  }
  const isWanted = (file: string) =>
    file.endsWith(".log") && (services.length === 0 || services.includes(basename(file, ".log")));
  const read = new Map(known.filter(isWanted).map((file) => [file, printEnd(file)]));
  if (follow) watch(folder, (_event, file) => file !== null && isWanted(file) && printNew(file, read));
  else
    process.stderr.write("\nThese are the last lines. See new ones as they come: npm run logs -- --follow\n");
}

/** Prints the last ten lines and returns the length of the file in bytes. */
function printEnd(file: string): number {
  const text = readFileSync(join(folder, file), "utf8");
  print(file, text.split("\n").slice(-11).join("\n"));
  return Buffer.byteLength(text);
}

function printNew(file: string, read: Map<string, number>): void {
  const path = join(folder, file);
  if (!existsSync(path)) return;
  const { size } = statSync(path);
  const known = read.get(file) ?? 0;
  // a new start empties the file
  const start = size < known ? 0 : known;
  read.set(file, size);
  if (size <= start) return;
  createReadStream(path, { start, end: size - 1, encoding: "utf8" }).on("data", (text) =>
    print(file, String(text)),
  );
}

function print(file: string, text: string): void {
  for (const line of text.split("\n"))
    if (line !== "") console.log(`${basename(file, ".log").padEnd(10)} ${line}`);
}
