// The embedded stack's PostgREST is older than the official one. docs/stacks.md lists what differs for this API; what we ship relies
// on none of it.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";

/** What behaves differently by version, as it stands in a program, a snippet or a URL. */
const differences: Record<string, RegExp> = {
  "a spread of an embedded table": /(select\(\s*["'`]|select=)[^"'`]*\.\.\.[a-z_]+(![a-z_]+)?\(/,
  "an aggregate in select": /(select\(\s*["'`]|select=)[^"'`]*\b(sum|avg|min|max|count)\(\)/,
  "a limit of a write": /\.(update|delete)\([^;]*?\.(limit|range)\(/,
  "an order of a write": /\.(insert|update|upsert|delete)\([^;]*?\.order\(/,
  "a limit of a written URL": /(PATCH|DELETE)[^\n]*[?&](limit|offset|order)=/,
  "is.not_null": /is\.not_null|\.is\([^)]*["']not_null["']/,
  "max-affected": /max-affected|\.maxAffected\(/,
  "handling=strict": /handling=strict/,
  "params=single-object": /params=single-object/,
  "a code of one version": /PGRST(119|12[2-6]|205|303)|42P01/,
};

/** The names of the differences that a text relies on. */
function reliesOn(text: string): string[] {
  const statements = text.split(/;\s*\n/);
  const byAlias = statements.some((statement) =>
    [...statement.matchAll(/\b([a-z_]+):([a-z_]+)(![a-z_]+)?\(/g)].some(
      ([, alias, table]) => alias !== table && new RegExp(`["'?&]${table}\\.[a-z_]+["'=]`).test(statement),
    ),
  );
  const found = Object.entries(differences).flatMap(([name, words]) => (words.test(text) ? [name] : []));
  return byAlias ? [...found, "a filter by the name of a table that has an alias"] : found;
}

const files = globSync(
  [
    "README.md",
    "docs/guide/*.md",
    "docs/openapi.json",
    "supabase/functions/**/*.ts",
    "scripts/stack/docs/**/*",
  ],
  { cwd: projectRoot },
).filter((file) => /\.(md|json|ts|html|js)$/.test(file) && !file.endsWith(".test.ts"));

/** The texts of a file: of JSON, each string alone. */
function textsOf(file: string): string[] {
  const text = readFileSync(join(projectRoot, file), "utf8");
  if (!file.endsWith(".json")) return [text];
  const texts: string[] = [];
  JSON.parse(text, (key, value) => {
    texts.push(key);
    if (typeof value === "string") texts.push(value);
  });
  return texts;
}

describe("PostgREST of any version serves", () => {
  it.each(files)("%s", (file) => {
    expect(textsOf(file).flatMap(reliesOn)).toEqual([]);
  });

  it.each([
    ['from("bookings").select("id, ...booking_line_items(amount)")', "a spread of an embedded table"],
    ["/rest/v1/bookings?select=guest_total.sum()", "an aggregate in select"],
    ['from("wishlists").update({ name: "a" }).eq("guests", 1).limit(1)', "a limit of a write"],
    ['from("wishlists").insert(rows).select().order("name")', "an order of a write"],
    ["curl -X DELETE '/rest/v1/wishlists?limit=1'", "a limit of a written URL"],
    ['.is("read_at", "not_null")', "is.not_null"],
    [".maxAffected(1)", "max-affected"],
    ['error.code === "PGRST205"', "a code of one version"],
    [
      'from("properties").select("id, host:profiles!host_id(display_name)").eq("profiles.display_name", "Ana")',
      "a filter by the name of a table that has an alias",
    ],
  ])("but this check finds %s", (text, difference) => {
    expect(reliesOn(text)).toEqual([difference]);
  });
});
