// `npm run typecheck`: the types of the scripts, tests and programs in the project folder (tsc), their GraphQL documents (gql.tada) and
// the types of the Edge Functions (Deno).

import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import { denoBinary } from "../stack/functions.ts";
import { denoFlags } from "./functions.ts";
import { check, type Result } from "./result.ts";
import { problems } from "./tool.ts";

const require = createRequire(import.meta.url);

export async function runTypecheck(config: StackConfig): Promise<Result[]> {
  const tsc = require.resolve("typescript/bin/tsc");
  return [
    await check("types of scripts and tests", () =>
      problems(config, process.execPath, [tsc, "--noEmit", "-p", "."]),
    ),
    await check("GraphQL documents", () => graphqlProblems(config)),
    await check("types of the Edge Functions", () =>
      problems(config, denoBinary(), ["check", ...denoFlags, ...entryPoints(config)]),
    ),
  ];
}

/** What the schema does not have in calls of `graphql(…)`. Their types alone would give a misspelt field the type `unknown`. */
export function graphqlProblems(config: StackConfig): Promise<string | undefined> {
  const command = join(require.resolve("gql.tada/package.json"), "../bin/cli.js");
  return problems(config, process.execPath, [command, "check", "--level", "error"]);
}

function entryPoints({ functionsDir }: StackConfig): string[] {
  return readdirSync(functionsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map((entry) => join(functionsDir, entry.name, "index.ts"));
}
