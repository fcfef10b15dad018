// What tests of the README share: its snippets, and running them where a reader would.

import { exec, execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

export const root = join(import.meta.dirname, "../..");

/** Runs `use` on files beside package.json, where Node finds the packages, as the README says. */
export async function withFiles<T>(files: Record<string, string>, use: () => Promise<T>): Promise<T> {
  const paths = Object.keys(files).map((name) => join(root, name));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
    return await use();
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

/** The README from one of its headings on. */
function section(heading: string): string {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  return readme.slice(readme.indexOf(`\n## ${heading}\n`));
}

/** The snippet of one of the README's sections, with a stack's addresses. */
export function snippet(heading: string, stack: { apiUrl: string; mailUrl: string }): string {
  const [, text = ""] = /```[jt]s\n([\s\S]*?)```/.exec(section(heading)) ?? [];
  return text
    .replaceAll("http://127.0.0.1:54321", stack.apiUrl)
    .replaceAll("http://127.0.0.1:54324", stack.mailUrl);
}

export const node = (args: string[]) => promisify(execFile)(process.execPath, args);

/** Runs a section's snippet by the command that the README gives, in a shell that has the machine's own Node alone. */
export async function runAsWritten(heading: string, file: string): Promise<string> {
  const [, command = "", name = ""] = /run `([^`]*?(\S+\.m?[jt]s))`/.exec(section(heading)) ?? [];
  const path = process.env.PATH?.split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const environment = { ...process.env, PATH: path?.join(delimiter) };
  const written = command.replace(name, file);
  return (await promisify(exec)(written, { cwd: root, env: environment })).stdout;
}
