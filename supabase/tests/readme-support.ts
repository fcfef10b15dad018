// What tests of the README share: its snippets, and running them where a reader would.

import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

/** The snippet of one of the README's sections, with a stack's addresses. */
export function snippet(heading: string, stack: { apiUrl: string; mailUrl: string }): string {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf(`\n## ${heading}\n`));
  const [, text = ""] = /```[jt]s\n([\s\S]*?)```/.exec(section) ?? [];
  return text
    .replaceAll("http://127.0.0.1:54321", stack.apiUrl)
    .replaceAll("http://127.0.0.1:54324", stack.mailUrl);
}

export const node = (args: string[]) => promisify(execFile)(process.execPath, args);
