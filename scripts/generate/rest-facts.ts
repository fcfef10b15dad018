// What the catalogue knows of the REST API and PostgREST's description does not tell: rest-facts.sql, read.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";

export type Role = "anon" | "authenticated" | "service_role";

export interface TableFacts {
  /** Columns that a new row must bring. */
  required: string[];
  privileges: Record<Role, { select: boolean; delete: boolean; insert: string[]; update: string[] }>;
}

export interface FieldFacts {
  name: string;
  type: string;
  comment?: string | null;
}

export interface FunctionFacts {
  roles: Role[] | null;
  volatile: boolean;
  /** Whether it answers a list. */
  set: boolean;
  returns: string;
  /** Of `returns table (…)`. */
  fields: FieldFacts[] | null;
}

export interface TypeFacts {
  /** The table whose row type it is. */
  table: string | null;
  labels: string[] | null;
  comment: string | null;
  fields: FieldFacts[] | null;
}

export interface RestFacts {
  tables: Record<string, TableFacts>;
  functions: Record<string, FunctionFacts>;
  types: Record<string, TypeFacts>;
}

/** Reads the facts from a running stack's database. */
export async function readRestFacts(config: StackConfig): Promise<RestFacts> {
  const sql = postgres(databaseUrl(config), {
    max: 1,
    connection: { search_path: "pg_catalog" },
    onnotice: () => {},
  });
  try {
    const [row] = await sql.unsafe(readFileSync(join(import.meta.dirname, "rest-facts.sql"), "utf8"));
    return row?.facts as RestFacts;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
