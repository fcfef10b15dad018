// `npm test`: runs all checks and tests on a temporary stack. `npm test -- <runner> [filter]` runs one: static, database, pgtap, api.

import { join } from "node:path";
import { outdatedTypes } from "./generated-types.ts";
import { errorText } from "./lib/errors.ts";
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
  print(`There is no runner "${only}". Usage: npm test -- ${runners.join(" | ")} [filter]`);
  process.exit(1);
}
const wants = (runner: string) => only === undefined || only === runner;

try {
  if (wants("static")) results.push(...(await runStaticChecks(config)));
  if (only !== "static") {
    const since = performance.now();
    await withStack(config, async () => {
      print(
        `ok      the stack starts with an empty data folder (${((performance.now() - since) / 1000).toFixed(1)} s)`,
      );
      if (wants("database")) results.push(await checkTypes(), await checkAdvisors());
      if (wants("pgtap")) results.push(await runPgtap(config, filters[0]));
      if (wants("api")) {
        const report = join(config.dataDir, "vitest.json");
        results.push(await runVitest(config.root, testEnvironment(config), report, filters));
      }
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

function checkTypes(): Promise<Result> {
  return check("types/ and docs/ are up to date", async () => {
    const files = await outdatedTypes(config);
    return files.length === 0 ? undefined : `Out of date: ${files.join(", ")}. Run \`npm run types\`.`;
  });
}

function checkAdvisors(): Promise<Result> {
  return check("database advisors", async () => {
    await runCli(config, ["db", "advisors", "--fail-on", "warn"]);
    return undefined;
  });
}
