// `npm run catalogue`: prints the catalogue of the running stack's database, one line for each object.

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { differences, readCatalogue } from "./generate/catalogue.ts";
import { explainDatabase } from "./import/database.ts";
import { databaseUrl, loadConfig } from "./lib/config.ts";
import { explain, StackError } from "./lib/errors.ts";

const usage = `npm run --silent catalogue -- [--compare FILE] [--database-url URL]

  --compare FILE      print only the lines that differ from an earlier output, and exit with 1 if there are any
  --database-url URL  another database than that of the running stack`;

try {
  const { compare, url } = readArguments();
  const lines = await read(url ?? databaseUrl(loadConfig()));
  const printed = compare === undefined ? lines : differences(linesOf(compare), lines);
  if (printed.length > 0) process.stdout.write(`${printed.join("\n")}\n`);
  process.exitCode = compare !== undefined && printed.length > 0 ? 1 : 0;
} catch (error) {
  const { message, remedy } = explain(error);
  console.error(`${message}\n\n${remedy}`);
  process.exitCode = 2;
}

function readArguments(): { compare: string | undefined; url: string | undefined } {
  try {
    const { values } = parseArgs({
      options: { compare: { type: "string" }, "database-url": { type: "string" } },
    });
    return { compare: values.compare, url: values["database-url"] };
  } catch (error) {
    throw new StackError(error instanceof Error ? error.message : String(error), usage);
  }
}

async function read(url: string): Promise<string[]> {
  const sql = postgres(url, { max: 1, prepare: false, onnotice: () => {} });
  try {
    return await readCatalogue(sql);
  } catch (error) {
    throw explainDatabase(error, new URL(url).host);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** The lines of an earlier output, without those that npm prints before it. */
function linesOf(file: string): string[] {
  // npm runs scripts in the project's folder; the path is relative to the folder of the caller
  const path = resolve(process.env.INIT_CWD ?? process.cwd(), file);
  if (!existsSync(path)) throw new StackError(`There is no file ${path}.`, usage);
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => /^[A-Z] /.test(line));
}
