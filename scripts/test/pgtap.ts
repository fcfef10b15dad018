// Runs the pgTAP files supabase/tests/database/*.sql, each as one query. A file fails when a test fails, when it raises an error, or
// when it does not run as many tests as it planned.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { Parser } from "tap-parser";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { print } from "../lib/output.ts";
import type { Result } from "./result.ts";

/**
 * @param filter runs only files whose name contains it
 * @param suffix printed after each file's name
 */
export async function runPgtap(config: StackConfig, filter = "", suffix = ""): Promise<Result> {
  const folder = join(config.root, "supabase/tests/database");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql") && (name.includes(filter) || name.startsWith("000")))
    .sort();
  const total: Result = { passed: 0, failed: 0 };
  for (const file of files) {
    const { passed, failures } = await runScript(config, readFileSync(join(folder, file), "utf8"));
    print(
      `${failures.length === 0 ? "ok     " : "FAILED "} ${file}${suffix} (${passed} passed, ${failures.length} failed)`,
    );
    for (const failure of failures) print(failure.replaceAll(/^/gm, "        "));
    total.passed += passed;
    total.failed += failures.length;
  }
  return total;
}

/** Runs the text of a pgTAP file. */
export async function runScript(
  config: StackConfig,
  script: string,
): Promise<{ passed: number; failures: string[] }> {
  const sql = openDatabase(config, "postgres");
  try {
    return readTap(await tapLines(sql, script));
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function tapLines(sql: Sql, script: string): Promise<string[]> {
  try {
    const results: unknown = await sql.unsafe(script).simple();
    const sets =
      Array.isArray(results) && results.every(Array.isArray)
        ? (results as unknown[][])
        : [results as unknown[]];
    return sets
      .flat()
      .flatMap((row) => Object.values(row as object).flatMap((value) => String(value).split("\n")));
  } catch (error) {
    const { message, position, where } = error as { message: string; position?: string; where?: string };
    const line =
      position === undefined ? "" : ` (line ${script.slice(0, Number(position)).split("\n").length})`;
    return [`not ok - ${message}${line}${where === undefined ? "" : ` ${where.replaceAll("\n", " ")}`}`];
  }
}

/** Counts the passed tests in a file's output and lists its failures. A file without tests is a failure. */
export function readTap(lines: string[]): { passed: number; failures: string[] } {
  const parser = new Parser();
  const failures: string[] = [];
  let results:
    | { pass: number; ok: boolean; failures: { name?: string; tapError?: string | null }[] }
    | undefined;
  parser.on("complete", (complete) => {
    results = complete;
  });
  const tap = lines.filter((line) => /^(not )?ok\b|^1\.\.\d+$|^#/.test(line));
  for (const [index, line] of tap.entries()) {
    if (!line.startsWith("not ok")) continue;
    const comments = tap.slice(index + 1).findIndex((next) => !next.startsWith("#"));
    failures.push(
      [line, ...tap.slice(index + 1, comments === -1 ? undefined : index + 1 + comments)].join("\n"),
    );
  }
  parser.end(`TAP version 13\n${tap.join("\n")}\n`);
  if (failures.length === 0 && (results?.ok !== true || results.pass === 0)) {
    failures.push(
      `The file did not run the planned tests: ${results?.failures.map((f) => f.tapError ?? f.name).join("; ") || "no tests"}`,
    );
  }
  return { passed: results?.pass ?? 0, failures };
}
