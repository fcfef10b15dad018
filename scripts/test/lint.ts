// `npm run lint`: format and code rules (Biome), migrations (squawk, and every object defined once), dashboards,
// spelling (cspell) and wording.

import { globSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { outdatedDashboards } from "../generate/dashboards.ts";
import type { StackConfig } from "../lib/config.ts";
import { definitionProblems } from "./definitions.ts";
import { replicaCallProblems } from "./replica-calls.ts";
import { check, type Result } from "./result.ts";
import { problems } from "./tool.ts";
import { findWording, inWords } from "./wording.ts";

const require = createRequire(import.meta.url);

export async function runLint(config: StackConfig): Promise<Result[]> {
  const biome = require.resolve("@biomejs/biome/bin/biome");
  const squawk = require.resolve("squawk-cli/js/bin/squawk");
  const cspell = fileURLToPath(import.meta.resolve("cspell/bin"));
  const migrations = globSync("supabase/migrations/*.sql", { cwd: config.root });
  return [
    await check("format and code rules", () =>
      problems(config, process.execPath, [biome, "check", "--error-on-warnings", "."]),
    ),
    await check("rules for migrations", () =>
      problems(config, process.execPath, [squawk, "--reporter=gcc", ...migrations]),
    ),
    await check(
      "every object is defined once",
      async () => (await definitionProblems(config.root)).join("\n") || undefined,
    ),
    await check(
      "replicas are asked by GET, and nothing else",
      async () => replicaCallProblems(config.root).join("\n") || undefined,
    ),
    await check("dashboards are up to date", async () => {
      const outdated = outdatedDashboards(config.root);
      return outdated.length === 0
        ? undefined
        : `out of date: ${outdated.join(", ")}. Run: npm run dashboards`;
    }),
    await check("spelling", async () => {
      const found = await problems(config, process.execPath, [
        cspell,
        "lint",
        "--no-progress",
        "--no-summary",
      ]);
      return found && `${found}\n\nCorrect these words, or add the terms among them to .cspell/terms.txt.`;
    }),
    await check("wording", async () => findWording(config.root).map(inWords).join("\n") || undefined),
  ];
}
