// Migrations and seed, applied by the Supabase CLI: what runs here is what `supabase db push` does to a hosted project.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Sql } from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";

const require = createRequire(import.meta.url);

/**
 * Applies what is missing, and the seed to a new database; returns how many migrations that were and whether it was seeded.
 * The CLI is not started when nothing is missing.
 *
 * @throws StackError with the CLI's own words when a migration or the seed fails; what came before it stays applied.
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
      "Bring the files back (another branch?), or start anew with `npm run reset`.",
    );
  }
  if (pending.length === 0) return { applied: 0, seeded: false };
  const seed = config.seed && applied.size === 0 ? ["--include-seed"] : [];
  await runCli(config, ["db", "push", "--include-all", ...seed, "--yes"], signal);
  return { applied: pending.length, seeded: seed.length > 0 };
}

/** Runs the project's Supabase CLI against the stack's database and returns its standard output; `signal` breaks it off. */
export async function runCli(config: StackConfig, args: string[], signal?: AbortSignal): Promise<string> {
  const cli = join(require.resolve("supabase/package.json"), "../dist/supabase.js");
  const remote = `--remote=${databaseUrl(config)}?sslmode=disable`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args, remote], {
      cwd: config.root,
      env: { ...process.env, SUPABASE_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" },
      maxBuffer: 64 * 1024 * 1024,
      signal,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    const said = `${stdout}\n${stderr}`.trim() || String(error);
    throw new StackError(
      `supabase ${args.join(" ")} failed:\n  ${said.split("\n").slice(-25).join("\n  ")}`,
      "Mend the migration and start again; `npm run reset` starts with an empty database.",
    );
  }
}

async function appliedVersions(admin: Sql): Promise<Set<string>> {
  const [history] = await admin`select to_regclass('supabase_migrations.schema_migrations') as name`;
  if (history?.name === null) return new Set();
  const rows = await admin<{ version: string }[]>`select version from supabase_migrations.schema_migrations`;
  return new Set(rows.map((row) => row.version));
}
