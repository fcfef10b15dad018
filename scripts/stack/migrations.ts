// Migrations and seed, applied by the Supabase CLI, as `supabase db push` does for a hosted project.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import { runCli } from "../lib/supabase-cli.ts";

/**
 * Applies the pending migrations, and the seed when the database is new. Returns the number of migrations and whether it seeded.
 *
 * @throws StackError with the CLI's output when a migration or the seed fails; earlier migrations stay applied
 */
export async function applyMigrations(
  config: StackConfig,
  admin: Sql,
  signal?: AbortSignal,
): Promise<{ applied: number; seeded: boolean }> {
  const files = readdirSync(join(config.root, "supabase/migrations")).filter((name) =>
    /^\d+_.*\.sql$/.test(name),
  );
  const applied = await appliedVersions(admin);
  const pending = files.filter((name) => !applied.has(name.split("_")[0] ?? ""));
  const known = new Set(files.map((name) => name.split("_")[0]));
  const unknown = [...applied].filter((version) => !known.has(version));
  if (unknown.length > 0) {
    throw new StackError(
      `The database has migrations that are not in supabase/migrations: ${unknown.join(", ")}.`,
      "Restore the files (they may be on another branch), or start with an empty database: `npm run reset`.",
    );
  }
  if (pending.length === 0) return { applied: 0, seeded: false };
  const seed = config.seed && applied.size === 0 ? ["--include-seed"] : [];
  await runCli(config, ["db", "push", "--include-all", ...seed, "--yes"], signal);
  return { applied: pending.length, seeded: seed.length > 0 };
}

async function appliedVersions(admin: Sql): Promise<Set<string>> {
  const [history] = await admin`select to_regclass('supabase_migrations.schema_migrations') as name`;
  if (history?.name === null) return new Set();
  const rows = await admin<{ version: string }[]>`select version from supabase_migrations.schema_migrations`;
  return new Set(rows.map((row) => row.version));
}
