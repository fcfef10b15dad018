// Facts about tables, triggers and functions, read from the catalogue by data-model.sql.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";

export interface ForeignKey {
  table: string;
  columns: string[];
  /** Whether every row must refer to a row of the other table. */
  required: boolean;
  /** Whether at most one row refers to each row of the other table. */
  one: boolean;
}

export interface Trigger {
  name: string;
  timing: string;
  events: string;
  function: string;
}

/** A table or a view. */
export interface Relation {
  name: string;
  view: boolean;
  comment: string | null;
  /** Those of primary keys, unique keys and foreign keys. */
  columns: { name: string; type: string; primary: boolean; unique: boolean }[];
  foreignKeys: ForeignKey[];
  /** In the order in which they fire. */
  triggers: Trigger[];
  /** The verbs that each role may use. */
  writers: Record<string, string[]>;
}

export interface DataModelFacts {
  relations: Relation[];
  functions: Record<string, { comment: string | null; body: string }>;
}

/** Reads the facts from a running stack's database. */
export async function readDataModelFacts(config: StackConfig): Promise<DataModelFacts> {
  const sql = postgres(databaseUrl(config), {
    max: 1,
    connection: { search_path: "pg_catalog, public" },
    onnotice: () => {},
  });
  try {
    const [row] = await sql.unsafe(readFileSync(join(import.meta.dirname, "data-model.sql"), "utf8"));
    return row?.facts as DataModelFacts;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
