// The snippets of README and guides, and how to run them where a reader would. docs/guide/README.md has the rules.

import { exec, execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

export const root = join(import.meta.dirname, "../..");

/** The pages whose snippets are run. */
export const pages = [
  "README.md",
  ...readdirSync(join(root, "docs/guide"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/guide/${name}`),
];

export interface Snippet {
  language: string;
  /** The file that a reader saves it as; without one, it continues the script before it. */
  file: string | undefined;
  /** Why it is not run, from `not-run=…`. */
  notRun: string | undefined;
  text: string;
  /** What it prints, from the `text` block behind it; `…` stands for any characters. */
  output: string | undefined;
}

/** One program: a snippet and those that continue it. */
export interface Script {
  page: string;
  name: string;
  language: string;
  snippets: Snippet[];
}

const scriptLanguages = ["ts", "js", "sh", "sql"];

export function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

/** The code blocks of a page, without those that show an output. */
export function snippetsOf(page: string): Snippet[] {
  const source = readPage(page);
  const snippets: Snippet[] = [];
  let end = 0;
  for (const block of source.matchAll(/^```(\w*)([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const [whole, language = "", info = "", text = ""] = block;
    const before = snippets.at(-1);
    const follows = source.slice(end, block.index).trim() === "";
    end = block.index + whole.length;
    if (language === "text" && follows && before !== undefined) before.output = text;
    else if (language !== "text" && language !== "mermaid") {
      const file = /(?:^| )([\w-]+\.m?[jt]s)\b/.exec(info)?.[1];
      const notRun = /not-run=(\S+)/.exec(info)?.[1];
      snippets.push({ language, file, notRun, text, output: undefined });
    }
  }
  return snippets;
}

/**
 * The programs of a page, in its order. A snippet continues the last one of its language on the page, unless it names a file.
 *
 * @throws Error when a snippet is neither of a language that is run nor says why it is not run.
 */
export function scriptsOf(page: string): Script[] {
  const scripts: Script[] = [];
  for (const snippet of snippetsOf(page)) {
    const { language, file, notRun } = snippet;
    if (notRun !== undefined) continue;
    if (!scriptLanguages.includes(language)) {
      throw new Error(`${page}: a block of language "${language}" needs not-run=<reason>:\n${snippet.text}`);
    }
    const last = scripts.findLast((script) => script.language === language);
    if (last !== undefined && file === undefined) last.snippets.push(snippet);
    else scripts.push({ page, name: file ?? `commands.${language}`, language, snippets: [snippet] });
  }
  return scripts;
}

/** Addresses of a stack, which replace those that the pages name. */
export interface Addresses {
  apiUrl: string;
  mailUrl: string;
  stripeUrl: string;
}

/** The text of a program, which also prints `marks[n]` behind its nth snippet. */
export function programOf({ language, snippets }: Script, stack: Addresses, marks: string[] = []): string {
  const print: Record<string, (mark: string) => string> = {
    ts: (mark) => `console.log("${mark}");\n`,
    js: (mark) => `console.log("${mark}");\n`,
    sh: (mark) => `echo '${mark}'\n`,
    sql: () => "",
  };
  return snippets
    .map(({ text }, index) => text + (marks[index] === undefined ? "" : print[language]?.(marks[index])))
    .join("")
    .replaceAll("http://127.0.0.1:54321", stack.apiUrl)
    .replaceAll("http://127.0.0.1:54324", stack.mailUrl)
    .replaceAll("http://127.0.0.1:54330", stack.stripeUrl);
}

/** The program that a page saves as a file. */
export function program(page: string, file: string, stack: Addresses): string {
  const script = scriptsOf(page).find(({ name }) => name === file);
  if (script === undefined) throw new Error(`${page} has no ${file}`);
  return programOf(script, stack);
}

/** The output that a page shows, as an expression: `…` is any text in a line, a line of `…` alone any lines. */
export function outputPattern(output: string): RegExp {
  const lines = output.trim().split("\n");
  const patterns = lines.map((line) =>
    line.trim() === "…"
      ? "[\\s\\S]*?"
      : line
          .split("…")
          .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
          .join("[^\\n]*"),
  );
  return new RegExp(`^${patterns.join("\\n")}$`);
}

/** Runs `use` on files beside package.json, where Node finds the packages and where the pages say to save them. */
export async function withFiles<T>(files: Record<string, string>, use: () => Promise<T>): Promise<T> {
  const paths = Object.keys(files).map((name) => join(root, name));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
    return await use();
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

export const node = (args: string[]) => promisify(execFile)(process.execPath, args);

/** Runs a command in the project's folder, in a shell that finds the machine's own Node first. */
export async function runInShell(command: string, variables: Record<string, string> = {}): Promise<string> {
  const path = process.env.PATH?.split(delimiter).filter((folder) => !folder.includes("node_modules"));
  const environment = { ...process.env, ...variables, PATH: path?.join(delimiter) };
  return (await promisify(exec)(command, { cwd: root, env: environment })).stdout;
}
