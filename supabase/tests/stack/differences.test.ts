// The table of differences in the tests and the tables in docs/stacks.md say the same.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { differences } from "../support/differences.ts";

const rows = readFileSync(join(projectRoot, "docs/stacks.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .split("|")
      .slice(1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );

it.each(Object.entries(differences))("%s is a row of docs/stacks.md", (what, { embedded, official }) => {
  expect(rows.find(([name]) => name === what)?.slice(1, 3)).toEqual([embedded, official]);
});
