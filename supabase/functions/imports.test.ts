// Where the packages of Edge Functions come from: deno.json has each version once, and package.json has the same one. Every function
// uses deno.json, and no file imports anything from the rest of the repository: a deployed function does not contain it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const read = (path: string) => readFileSync(join(folder, path), "utf8");
const { imports } = JSON.parse(read("deno.json")) as { imports: Record<string, string> };
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);
const statements = files.flatMap((file) =>
  [...read(file).matchAll(/(?:^(?:import|export) [^;]*?from |\bimport\()"([^"]+)"/gms)].map(
    ([, specifier = ""]) => ({ file, specifier }),
  ),
);

Deno.test("deno.json names the versions of package.json", () => {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(read("../../package.json"));
  const versions = { ...dependencies, ...devDependencies };
  for (const [imported, specifier] of Object.entries(imports)) {
    const [, name = "", path = ""] = /^((?:@[^/]+\/)?[^/]+)(\/.+)?$/.exec(imported) ?? [];
    assert.equal(specifier, `npm:${name}@${versions[name]}${path}`);
  }
});

Deno.test("code imports the packages of deno.json by their names, and uses all of them", () => {
  const packages = statements
    .map(({ specifier }) => specifier)
    .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:"));
  assert.deepEqual([...new Set(packages)].sort(), Object.keys(imports).sort());
});

Deno.test("nothing is imported from outside this folder", () => {
  const outside = statements
    .filter(({ specifier }) => specifier.startsWith("."))
    .filter(({ file, specifier }) =>
      relative(folder, join(folder, dirname(file), specifier)).startsWith(".."),
    );
  assert.deepEqual(outside, []);
});

Deno.test("config.toml gives every function this import map", () => {
  const config = read("../config.toml");
  const functions = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map(({ name }) => name);
  for (const name of functions) {
    const [, section = ""] = new RegExp(`^\\[functions\\.${name}\\]$([^[]*)`, "m").exec(config) ?? [];
    assert.match(section, /^import_map = "\.\/functions\/deno\.json"$/m, name);
  }
});
