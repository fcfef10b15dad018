// One query of a generator to the database of a running stack. Types and functions are named with their schema.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";

/** @param query SQL, or the name of an .sql file beside this one */
export async function readRows<Row extends object>(config: StackConfig, query: string): Promise<Row[]> {
  const sql = postgres(databaseUrl(config), {
    max: 1,
    connection: { search_path: "pg_catalog" },
    onnotice: () => {},
  });
  try {
    const text = query.endsWith(".sql") ? readFileSync(join(import.meta.dirname, query), "utf8") : query;
    return [...(await sql.unsafe<Row[]>(text))];
  } finally {
    await sql.end({ timeout: 5 });
  }
}
