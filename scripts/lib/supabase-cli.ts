// The project's Supabase CLI, run against the stack's database.

import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { partEnvironment } from "../stack/parts.ts";
import { databaseUrl, type StackConfig } from "./config.ts";
import { StackError } from "./errors.ts";

const require = createRequire(import.meta.url);

/**
 * Runs a command and returns its standard output.
 *
 * @param signal aborts the command
 * @throws StackError with the last lines of the CLI's output
 */
export async function runCli(config: StackConfig, args: string[], signal?: AbortSignal): Promise<string> {
  const cli = join(require.resolve("supabase/package.json"), "../dist/supabase.js");
  const remote = `--remote=${databaseUrl(config)}?sslmode=disable`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args, remote], {
      cwd: config.root,
      env: {
        ...process.env,
        ...partEnvironment(config.dataDir, "supabase-cli"),
        SUPABASE_TELEMETRY_DISABLED: "1",
        DO_NOT_TRACK: "1",
      },
      maxBuffer: 64 * 1024 * 1024,
      signal,
    });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    const output = `${stdout}\n${stderr}`.trim() || String(error);
    throw new StackError(
      `supabase ${args.join(" ")} failed:\n  ${output.split("\n").slice(-25).join("\n  ")}`,
      "Fix the reported problem, such as an error in a migration, and try again. `npm run reset` starts with an empty database.",
    );
  }
}
