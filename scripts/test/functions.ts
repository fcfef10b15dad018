// `npm run test:functions`: the tests beside the Edge Functions' handlers, run by Deno.

import { globSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import type { StackConfig } from "../lib/config.ts";
import { print } from "../lib/output.ts";
import { denoBinary } from "../stack/functions.ts";
import type { Result } from "./result.ts";
import { runTool } from "./tool.ts";

/** Deno uses the packages in node_modules and downloads nothing. */
export const denoFlags = ["--quiet", "--cached-only", "--node-modules-dir=manual"];

/** @param filter Only files whose path contains it. */
export async function runFunctionTests(config: StackConfig, filter = ""): Promise<Result> {
  const files = globSync("supabase/functions/**/*.test.ts", { cwd: config.root }).filter((file) =>
    file.includes(filter),
  );
  const { ok, output } = await runTool(config, denoBinary(), [
    "test",
    ...denoFlags,
    "--no-prompt",
    "--allow-env",
    `--allow-read=${config.root}`,
    // The tests' own servers are the only network.
    "--allow-net=127.0.0.1",
    ...files,
  ]);
  const plain = stripVTControlCharacters(output);
  const [, passed = "0", failed = "0"] = /(\d+) passed.* \| (\d+) failed/.exec(plain) ?? [];
  const result = { passed: Number(passed), failed: ok ? 0 : Math.max(1, Number(failed)) };
  if (result.passed + result.failed === 0) result.failed = 1;
  print(
    `${result.failed === 0 ? "ok     " : "FAILED "} tests of the Edge Functions (${result.passed} passed, ${result.failed} failed)`,
  );
  if (result.failed > 0) print(plain);
  return result;
}
