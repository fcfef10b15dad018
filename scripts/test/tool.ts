// Runs the command line tools behind the static checks.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { StackConfig } from "../lib/config.ts";

export interface ToolRun {
  ok: boolean;
  /** Standard output and standard error, trimmed. */
  output: string;
}

/** Runs a tool in the project folder. Deno gets a cache of its own, so that it reads nothing from the developer's. */
export async function runTool(config: StackConfig, command: string, args: string[]): Promise<ToolRun> {
  const env = {
    ...process.env,
    DENO_DIR: join(config.dataDir, "deno"),
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, {
      cwd: config.root,
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
    return { ok: true, output: `${stdout}\n${stderr}`.trim() };
  } catch (error) {
    const {
      stdout = "",
      stderr = "",
      message,
    } = error as { stdout?: string; stderr?: string; message: string };
    return { ok: false, output: `${stdout}\n${stderr}`.trim() || message };
  }
}

/** For `check`: the tool's output when it failed. */
export async function problems(
  config: StackConfig,
  command: string,
  args: string[],
): Promise<string | undefined> {
  const { ok, output } = await runTool(config, command, args);
  return ok ? undefined : output;
}
