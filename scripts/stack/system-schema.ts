// The system schemas of a new database, as hosted Supabase has them before the first migration.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";

const folder = join(import.meta.dirname, "database");

/** Creates roles, privileges and the tables of Auth and Storage in a new database. @param admin a superuser's connection */
export async function ensureSystemSchema(admin: Sql): Promise<void> {
  const [existing] = await admin`select 1 from pg_catalog.pg_namespace where nspname = 'auth'`;
  if (existing !== undefined) return;
  const file = (name: string) => readFileSync(join(folder, name), "utf8");
  const parts = [file("roles.sql"), file("auth.sql"), file("storage.sql"), file("services.sql")];
  await admin.unsafe(["begin", ...parts, "commit"].join(";\n"));
}
