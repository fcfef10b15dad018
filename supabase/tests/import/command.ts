// The import as a user runs it: a process of its own, against a stack of the test's own, so that nothing is left behind for
// other tests (a property that was published cannot be deleted).

import { execFile } from "node:child_process";
import { join } from "node:path";
import { projectRoot, type StackConfig } from "../../../scripts/lib/config.ts";

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

/** Runs the command with these arguments against the database of a stack. */
export function runImport({ ports }: Pick<StackConfig, "ports">, ...args: string[]): Promise<Outcome> {
  const { INIT_CWD: _folder, STAYBASE_DATABASE_URL: _url, ...environment } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(projectRoot, "scripts/import.ts"), ...args],
      { cwd: projectRoot, env: { ...environment, STAYBASE_DB_PORT: String(ports.db) } },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** The line of a kind in the table at the end: loaded, updated, unchanged, skipped. */
export function counts({ stdout, stderr }: Outcome, kind: string): number[] {
  const line = new RegExp(`^ +${kind}((?: +[\\d,]+){4})$`, "m").exec(stdout);
  if (line?.[1] === undefined) throw new Error(`no ${kind} in:\n${stdout}\n${stderr}`);
  return line[1]
    .trim()
    .split(/ +/)
    .map((text) => Number(text.replaceAll(",", "")));
}
