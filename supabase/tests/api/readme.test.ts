// Runs every snippet of README and docs/guide against a stack that begins with the seed, as a reader's does.
// @module-tag embedded

import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databaseUrl } from "../../../scripts/lib/config.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import type { Database } from "../../../types/database.ts";
import {
  node,
  outputPattern,
  pages,
  program,
  programOf,
  readPage,
  root,
  runInShell,
  type Script,
  scriptsOf,
  snippetsOf,
  withFiles,
} from "../readme-support.ts";

const config = await testConfig({ seed: true });
const addresses = { apiUrl: config.apiUrl, mailUrl: config.mailUrl, stripeUrl: config.stripeUrl };
const ports = {
  STAYBASE_DIR: config.dataDir,
  STAYBASE_API_PORT: `${config.ports.api}`,
  STAYBASE_DB_PORT: `${config.ports.db}`,
  STAYBASE_MAIL_PORT: `${config.ports.mail}`,
  STAYBASE_STRIPE_PORT: `${config.ports.stripe}`,
};
const sql = postgres(databaseUrl(config, "supabase_admin"), { max: 1, onnotice: () => {} });
let stack: Stack;

beforeAll(async () => {
  stack = await startStack(config);
});
afterAll(async () => {
  await sql.end();
  await stack?.stop();
  removeTestData(config);
});

/** What the seed does not have and a page needs. */
const prepare: Record<string, () => Promise<void>> = {
  "docs/guide/after-the-stay.md": completeStay,
  "docs/guide/figures.md": async () => void (await bookStay(20, 23)),
  "docs/guide/pay.md": allowReconciling,
};

/** The clock may have compared the books a minute ago. */
async function allowReconciling(): Promise<void> {
  await sql`update private.internal_functions set every = '0' where name = 'reconcile'`;
}

/** Books a paid stay for Gita at Ana's, from and until that many days after today, and returns its id. */
async function bookStay(from: number, until: number): Promise<string> {
  const client = (key: string) =>
    createClient<Database>(config.apiUrl, key, { auth: { persistSession: false, throwOnError: true } });
  const guest = client(config.keys.publishable);
  await guest.auth.signInWithPassword({ email: "gita@example.com", password: "staybase" });
  const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
  const { data: booking } = await guest
    .from("bookings")
    .insert({
      property_id: "5eed0000-0000-4000-8000-000000000102",
      check_in: day(from),
      check_out: day(until),
      adults: 1,
    })
    .select("id")
    .single()
    .throwOnError();
  await client(config.keys.secret)
    .rpc("confirm_booking", { p_booking_id: booking.id ?? "" })
    .throwOnError();
  return booking.id ?? "";
}

/** Books a stay and lets it end two days ago. */
async function completeStay(): Promise<void> {
  const id = await bookStay(5, 8);
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`
      update private.bookings b set
        check_in = b.check_in - 10, check_out = b.check_out - 10,
        check_in_at = b.check_in_at - interval '10 days', check_out_at = b.check_out_at - interval '10 days',
        confirmed_at = b.confirmed_at - interval '10 days', status_at = b.status_at - interval '10 days'
      where b.id = ${id}`;
  });
}

const scripts = pages.flatMap(scriptsOf).map((script, index) => ({ ...script, index }));
const fileOf = ({ name, index }: { name: string; index: number }) =>
  `try-${process.pid}-${index}.${name.split(".").at(-1)}`;

/** What tsc says of TypeScript files under the project's own settings: file and error, without the line. */
async function compile(sources: Record<string, string>): Promise<string[]> {
  const project = `try-${process.pid}.json`;
  const files = {
    ...sources,
    [project]: JSON.stringify({ extends: "./tsconfig.json", include: Object.keys(sources) }),
  };
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const output = await withFiles(files, () =>
    node([tsc, "--noEmit", "-p", join(root, project)]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    ),
  );
  return output
    .split("\n")
    .flatMap((line) => /^(.*)\(\d+,\d+\): (error TS\d+.*)/.exec(line)?.slice(1).join(" ") ?? []);
}

/** Runs a program as its page says, and returns what each of its snippets printed. */
async function run(script: Script & { index: number }): Promise<string[]> {
  const { page, name, language, snippets } = script;
  const marks = snippets.map((_, index) => `%%% ${script.index}.${index}`);
  const text = programOf(script, addresses, marks);
  if (language === "sql") {
    await sql
      .begin(async (tx) => {
        await tx.unsafe(`set local session authorization postgres; ${text}`);
        throw new Error("undo");
      })
      .catch((error: Error) => expect(error.message).toBe("undo"));
    return snippets.map(() => "");
  }
  const file = fileOf(script);
  if (language !== "sh") expect(readPage(page)).toContain(`npx node ${name}`);
  const command = language === "sh" ? `sh -eu ${file}` : `npx node ${file}`;
  let printed = await withFiles({ [file]: text }, () => runInShell(command, ports));
  return marks.map((mark) => {
    const [output = "", ...rest] = printed.split(`${mark}\n`);
    printed = rest.join("");
    return output.trim();
  });
}

describe.each(pages.filter((page) => scriptsOf(page).length > 0))("%s", (page) => {
  beforeAll(() => prepare[page]?.());
  it.each(scripts.filter((script) => script.page === page))(
    "runs $name",
    { timeout: 120_000 },
    async (script) => {
      const printed = await run(script);
      for (const [index, { output }] of script.snippets.entries()) {
        if (output !== undefined) expect(printed[index]).toMatch(outputPattern(output));
      }
    },
  );
});

it("compiles every TypeScript program, and refuses what is not in the schema", {
  timeout: 120_000,
}, async () => {
  const sources = Object.fromEntries(
    scripts
      .filter(({ language }) => language === "ts")
      .map((script) => [fileOf(script), programOf(script, addresses)]),
  );
  const wrong = `try-${process.pid}-wrong.ts`;
  sources[wrong] = program("docs/guide/graphql.md", "homes.ts", addresses)
    .replace("node.title", "node.titel")
    .replace('city: "Lisboa"', "city: 1");
  expect(await compile(sources)).toEqual([
    expect.stringContaining(`${wrong} error TS2322`),
    expect.stringContaining(`${wrong} error TS2551`),
  ]);
});

it("counts the snippets that are not run, each with its reason", () => {
  const reasons = pages.flatMap((page) =>
    snippetsOf(page).flatMap(({ notRun }) => (notRun === undefined ? [] : `${page}: ${notRun}`)),
  );
  expect(reasons).toEqual([
    "README.md: starts-the-stack-that-these-tests-have",
    "docs/guide/deploy.md: needs-a-hosted-project",
    "docs/guide/deploy.md: needs-nginx",
    "docs/guide/try.md: stops-the-stack-that-these-tests-have",
  ]);
});

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const documents = [
  "README.md",
  ...["docs", "docs/guide", "docs/operate", "docs/decisions"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`),
  ),
];

it("names functions and tables that the database has", async () => {
  const rows = await sql<{ name: string }[]>`
    select c.relnamespace::regnamespace || '.' || c.relname as name from pg_class c
    union select p.pronamespace::regnamespace || '.' || p.proname from pg_proc p`;
  const known = new Set(rows.map(({ name }) => name));
  const unknown = documents.flatMap((page) =>
    [...readPage(page).matchAll(/\b(?:private\.|public\.|rpc\/)[a-z][a-z_]+/g)]
      .filter(([name]) => !known.has(name.replace("rpc/", "public.")))
      .map(([name]) => `${page}: ${name}`),
  );
  expect(unknown).toEqual([]);
});

it("links to files and headings that exist", () => {
  const broken = documents.flatMap((page) =>
    [...readPage(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
      .filter(([, target = "", anchor]) => {
        const file = target === "" ? page : join(page, "..", target);
        if (!existsSync(join(root, file))) return true;
        const headings = [...readPage(file).matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) => anchorOf(text));
        return anchor !== undefined && !headings.includes(anchor);
      })
      .map(([link]) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

it("keeps the README within 150 lines", () => {
  expect(readPage("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});
