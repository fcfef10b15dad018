// `npm test` runs every check and every test, on a stack of its own. `npm test -- <part> [filter]` runs one part.

import { globSync } from "node:fs";
import { join } from "node:path";
import { outdatedTypes } from "./generated-types.ts";
import { errorText } from "./lib/errors.ts";
import { logToFile, print } from "./lib/output.ts";
import { runCli } from "./lib/supabase-cli.ts";
import { removeTestData, testConfig } from "./test/config.ts";
import { runFunctionTests } from "./test/functions.ts";
import { findGrowth } from "./test/growth.ts";
import { runLint } from "./test/lint.ts";
import { runPgtap } from "./test/pgtap.ts";
import { check, type Result } from "./test/result.ts";
import { withStack, withTestStack } from "./test/stack.ts";
import { keepTemplate } from "./test/template.ts";
import { runTypecheck } from "./test/typecheck.ts";
import { runVitest, testEnvironment } from "./test/vitest.ts";

const partsWithoutStack = ["lint", "typecheck", "functions"];
const partsWithStack = ["db", "api", "stack"];
const vitestFiles: Record<string, string> = {
  api: "supabase/tests/{api,graphql,import,money}/**/*.test.ts",
  stack: "{scripts,supabase/tests/stack}/**/*.test.ts",
};

const [only, ...filters] = process.argv.slice(2);
const chosen = chooseParts(only);
const config = await testConfig();
logToFile(config);
const results: Result[] = [];

try {
  if (chosen.includes("lint")) results.push(...(await runLint(config)));
  if (chosen.includes("typecheck")) results.push(...(await runTypecheck(config)));
  if (chosen.includes("functions")) results.push(await runFunctionTests(config, filters[0]));
  if (partsWithStack.some((part) => chosen.includes(part))) {
    const since = performance.now();
    await withStack(config, async () => {
      const seconds = ((performance.now() - since) / 1000).toFixed(1);
      print(`ok      the stack starts with an empty database (${seconds} s)`);
      await keepTemplate(config, config, "empty");
      if (chosen.includes("db")) results.push(...(await runDatabaseTests()));
      const patterns = chosen.flatMap((part) => vitestFiles[part] ?? []);
      if (patterns.length > 0) results.push(await runTestFiles(patterns));
    });
  }
} catch (error) {
  print(errorText(error));
  results.push({ passed: 0, failed: 1 });
} finally {
  removeTestData(config);
}

const sum = (key: keyof Result) => results.reduce((total, result) => total + result[key], 0);
print(`\n${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") > 0 || sum("passed") === 0 ? 1 : 0);

function chooseParts(name: string | undefined): string[] {
  const all = [...partsWithoutStack, ...partsWithStack];
  if (name === undefined) return all;
  if (name === "static") return partsWithoutStack;
  if (all.includes(name)) return [name];
  print(`There is no part "${name}". Run: npm test -- static|${all.join("|")} [filter]`);
  process.exit(1);
}

/**
 * With a filter, only the pgTAP files whose name contains it. They run on an empty database, and on one with the seed, as `supabase test
 * db` does on a developer's stack.
 */
async function runDatabaseTests(): Promise<Result[]> {
  const checks = filters.length === 0 ? [await checkTypes(), await checkAdvisors(), await checkGrowth()] : [];
  const onSeed = withTestStack(
    async (seeded) => {
      await keepTemplate(config, seeded, "seed");
      return runPgtap(seeded, filters[0], " on the seed");
    },
    { seed: true },
  );
  return [...checks, ...(await Promise.all([runPgtap(config, filters[0]), onSeed]))];
}

/** With filters, only the files whose path contains one of them. */
async function runTestFiles(patterns: string[]): Promise<Result> {
  const files = globSync(patterns, { cwd: config.root }).filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
  );
  if (files.length === 0) {
    print(`No test file of this part has ${filters.join(" or ")} in its path.`);
    return { passed: 0, failed: 1 };
  }
  return runVitest(config.root, testEnvironment(config), join(config.dataDir, "vitest.json"), files);
}

function checkTypes(): Promise<Result> {
  return check("types/ and docs/ are up to date", async () => {
    const files = await outdatedTypes(config);
    return files.length === 0 ? undefined : `out of date: ${files.join(", ")}. Run: npm run types`;
  });
}

function checkGrowth(): Promise<Result> {
  return check("no query slows down as tables grow", async () => {
    const faults = await findGrowth(config);
    return faults.length === 0 ? undefined : faults.join("\n");
  });
}

function checkAdvisors(): Promise<Result> {
  return check("database advisors", async () => {
    await runCli(config, ["db", "advisors", "--fail-on", "warn"]);
    return undefined;
  });
}
