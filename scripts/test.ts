// `npm test`: every check and every test, on a stack of its own. `npm test -- <runner> [filter]` runs one: static, pgtap, api.

import { join } from "node:path";
import { outdatedTypes } from "./generated-types.ts";
import { explain } from "./lib/errors.ts";
import { logToFile, print } from "./lib/output.ts";
import { runCli } from "./lib/supabase-cli.ts";
import { removeTestData, testConfig } from "./test/config.ts";
import { runPgtap } from "./test/pgtap.ts";
import { check, type Result } from "./test/result.ts";
import { withStack } from "./test/stack.ts";
import { runStaticChecks } from "./test/static.ts";
import { runVitest, testEnvironment } from "./test/vitest.ts";

const [only, ...filters] = process.argv.slice(2);
const config = await testConfig();
logToFile(config);
const results: Result[] = [];
const runners = ["static", "database", "pgtap", "api"];
if (only !== undefined && !runners.includes(only)) {
  print(`There is no runner ${only}. Run: npm test -- ${runners.join("|")} [filter]`);
  process.exit(1);
}
const wants = (runner: string) => only === undefined || only === runner;

try {
  if (wants("static")) results.push(...(await runStaticChecks(config)));
  if (only !== "static") {
    const since = performance.now();
    await withStack(config, async () => {
      print(`ok      the stack starts from nothing (${((performance.now() - since) / 1000).toFixed(1)} s)`);
      if (wants("database")) results.push(await checkTypes(), await checkAdvisors());
      if (wants("pgtap")) results.push(await runPgtap(config, filters[0]));
      if (wants("api")) {
        const report = join(config.dataDir, "vitest.json");
        results.push(await runVitest(config.root, testEnvironment(config), report, filters));
      }
    });
  }
} catch (error) {
  const { message, remedy } = explain(error);
  print(`${message}\n\n${remedy}`);
  results.push({ passed: 0, failed: 1 });
} finally {
  removeTestData(config);
}

const sum = (key: keyof Result) => results.reduce((total, result) => total + result[key], 0);
print(`\n${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") > 0 || sum("passed") === 0 ? 1 : 0);

function checkTypes(): Promise<Result> {
  return check("types/ and docs/ are up to date", async () => {
    const files = await outdatedTypes(config);
    return files.length === 0 ? undefined : `out of date: ${files.join(", ")}. Run: npm run types`;
  });
}

function checkAdvisors(): Promise<Result> {
  return check("database advisors", async () => {
    await runCli(config, ["db", "advisors", "--fail-on", "warn"]);
    return undefined;
  });
}
