// Runs Vitest on supabase/tests against a stack.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import type { Result } from "./result.ts";

const require = createRequire(import.meta.url);

/** How tests find the stack; read by supabase/tests/support/stack.ts. */
export interface TestEnvironment {
  /** The column of supabase/tests/support/differences.ts. */
  STAYBASE_STACK: "embedded" | "official";
  STAYBASE_API_URL: string;
  STAYBASE_DATA_DIR: string;
  STAYBASE_MAIL_URL: string;
  STAYBASE_STRIPE_URL: string;
  /** As the database's superuser, to look behind the API. */
  STAYBASE_DB_URL: string;
  STAYBASE_PUBLISHABLE_KEY: string;
  STAYBASE_SECRET_KEY: string;
  STAYBASE_ANON_KEY: string;
  STAYBASE_SERVICE_ROLE_KEY: string;
  STAYBASE_JWT_SECRET: string;
}

export function testEnvironment(config: StackConfig): TestEnvironment {
  return {
    STAYBASE_STACK: "embedded",
    STAYBASE_API_URL: config.apiUrl,
    STAYBASE_DATA_DIR: config.dataDir,
    STAYBASE_MAIL_URL: config.mailUrl,
    STAYBASE_STRIPE_URL: config.stripeUrl,
    STAYBASE_DB_URL: databaseUrl(config, "supabase_admin"),
    STAYBASE_PUBLISHABLE_KEY: config.keys.publishable,
    STAYBASE_SECRET_KEY: config.keys.secret,
    STAYBASE_ANON_KEY: config.keys.anon,
    STAYBASE_SERVICE_ROLE_KEY: config.keys.serviceRole,
    STAYBASE_JWT_SECRET: config.keys.jwtSecret,
  };
}

/**
 * @param report where Vitest's JSON report is written
 * @param files Vitest's filters; every test when empty
 */
export async function runVitest(
  root: string,
  environment: TestEnvironment,
  report: string,
  files: string[] = [],
): Promise<Result> {
  const vitest = join(require.resolve("vitest/package.json"), "../vitest.mjs");
  const child = spawn(
    process.execPath,
    [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...files],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...environment } },
  );
  process.once("exit", () => child.kill());
  const code = await new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 1)));
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8")) as Record<
    string,
    number
  >;
  const failed = numFailedTests ?? 0;
  // A file that could not be loaded has no failed test, but the run has still failed.
  return { passed: numPassedTests ?? 0, failed: code !== 0 && failed === 0 ? 1 : failed };
}
