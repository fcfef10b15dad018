// Reads the catalogue of a database as lines, and compares two of them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql, TransactionSql } from "postgres";

/**
 * One line for each object and each table of reference data; catalogue.sql says which. Two databases made from the same
 * migrations have the same lines.
 *
 * @param sql one connection, as a role that may read every table (`postgres`)
 */
export async function readCatalogue(sql: Sql | TransactionSql): Promise<string[]> {
  const query = readFileSync(join(import.meta.dirname, "catalogue.sql"), "utf8");
  // one result for each statement; a row has one column
  const results = (await sql.unsafe(query).simple()) as unknown as Record<string, string>[][];
  return results.flatMap((rows) => rows.flatMap((row) => Object.values(row)));
}

/** The lines that only one side has, `-` for those of `before` and `+` for those of `after`, sorted by their text. */
export function differences(before: string[], after: string[]): string[] {
  const [old, current] = [new Set(before), new Set(after)];
  const removed = before.filter((line) => !current.has(line)).map((line) => ({ sign: "-", line }));
  const added = after.filter((line) => !old.has(line)).map((line) => ({ sign: "+", line }));
  return [...removed, ...added]
    .sort((a, b) => (a.line < b.line ? -1 : a.line > b.line ? 1 : 0))
    .map(({ sign, line }) => `${sign} ${line}`);
}
