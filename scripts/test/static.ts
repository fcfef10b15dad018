// Checks that need no stack: format, lint, types, the Edge Functions' own tests.

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import type { StackConfig } from "../lib/config.ts";
import { print } from "../lib/output.ts";
import { denoBinary } from "../stack/functions.ts";
import { check, type Result } from "./result.ts";

const require = createRequire(import.meta.url);
const run = promisify(execFile);
const denoFlags = ["--quiet", "--cached-only", "--node-modules-dir=manual"];

export async function runStaticChecks(config: StackConfig): Promise<Result[]> {
  const biome = require.resolve("@biomejs/biome/bin/biome");
  const tsc = require.resolve("typescript/bin/tsc");
  return [
    await check("format and lint", () =>
      silent(config, process.execPath, [biome, "check", "--error-on-warnings", "."]),
    ),
    await check("types (tsc)", () => silent(config, process.execPath, [tsc, "--noEmit", "-p", "."])),
    await check("types of the Edge Functions (deno check)", () =>
      silent(config, denoBinary(), ["check", ...denoFlags, ...functionFiles(config, "index.ts")]),
    ),
    await denoTests(config),
  ];
}

async function denoTests(config: StackConfig): Promise<Result> {
  const options = { cwd: config.root, env: denoEnvironment(config), maxBuffer: 64 * 1024 * 1024 };
  const args = [
    "test",
    ...denoFlags,
    "--no-prompt",
    "--allow-env",
    `--allow-read=${config.root}`,
    // servers of the tests' own; there is no other network
    "--allow-net=127.0.0.1",
    "supabase/functions/",
  ];
  const { stdout, code } = await run(denoBinary(), args, options).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: { stdout?: string; stderr?: string }) => ({
      stdout: `${error.stdout}\n${error.stderr}`,
      code: 1,
    }),
  );
  const plain = stripVTControlCharacters(stdout);
  const [, passed = "0", failed = "0"] = /(\d+) passed.* \| (\d+) failed/.exec(plain) ?? [];
  const result = { passed: Number(passed), failed: code === 0 ? 0 : Math.max(1, Number(failed)) };
  if (result.passed + result.failed === 0) result.failed = 1;
  print(
    `${result.failed === 0 ? "ok     " : "FAILED "} deno test (${result.passed} passed, ${result.failed} failed)`,
  );
  if (result.failed > 0) print(plain);
  return result;
}

function functionFiles({ functionsDir }: StackConfig, name: string): string[] {
  return readdirSync(functionsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map((entry) => join(functionsDir, entry.name, name));
}

async function silent(config: StackConfig, command: string, args: string[]): Promise<string | undefined> {
  try {
    await run(command, args, { cwd: config.root, env: denoEnvironment(config), maxBuffer: 64 * 1024 * 1024 });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return `${stdout}\n${stderr}`.trim();
  }
}

function denoEnvironment(config: StackConfig): NodeJS.ProcessEnv {
  return { ...process.env, DENO_DIR: join(config.dataDir, "deno"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
}
