// Facts about the REST API that PostgREST's description lacks, read from the catalogue by rest-facts.sql.

import type { StackConfig } from "../lib/config.ts";
import { readRows } from "./database.ts";

export type Role = "anon" | "authenticated" | "service_role";

export interface TableFacts {
  /** Columns that a new row must bring. */
  required: string[];
  privileges: Record<
    Role,
    { select: boolean; delete: boolean; upsert: boolean; insert: string[]; update: string[] }
  >;
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
  const [row] = await readRows<{ facts: RestFacts }>(config, "rest-facts.sql");
  return (row as { facts: RestFacts }).facts;
}
