// `npm run test:official` runs the tests of the API on a running `supabase start`, which needs Docker.
// It leaves out tests with the tag `embedded`, which vitest.config.ts explains.
// `npm run test:official -- --url <url> --key <key>` checks a project, reads only, and prints what differs.

import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { loadConfig, projectRoot } from "./lib/config.ts";
import { checkProject } from "./official/check-project.ts";
import { runVitest } from "./test/vitest.ts";

const { url, key } = parseArgs({ options: { url: { type: "string" }, key: { type: "string" } } }).values;
if (url !== undefined && key !== undefined) {
  const differing = await checkProject({ url, key }, projectRoot, loadConfig().toml, console.log);
  console.log(differing === 0 ? "\nNothing differs." : `\n${differing} differ.`);
  process.exit(differing === 0 ? 0 : 1);
}
if (url !== undefined || key !== undefined) {
  console.error("Usage: npm run test:official [-- --url <url> --key <publishable or secret key>]");
  process.exit(1);
}

const statusSchema = z.object({
  API_URL: z.string(),
  DB_URL: z.string(),
  MAILPIT_URL: z.string(),
  PUBLISHABLE_KEY: z.string(),
  SECRET_KEY: z.string(),
  ANON_KEY: z.string(),
  SERVICE_ROLE_KEY: z.string(),
  JWT_SECRET: z.string(),
});

const output = execFileSync("npx", ["supabase", "status", "--output", "json"], {
  cwd: projectRoot,
  encoding: "utf8",
});
const status = statusSchema.parse(JSON.parse(output));
const environment = {
  STAYBASE_STACK: "official" as const,
  STAYBASE_API_URL: status.API_URL,
  STAYBASE_DATA_DIR: "",
  STAYBASE_MAIL_URL: status.MAILPIT_URL,
  // On this stack the Edge Functions call Stripe itself, with the key in supabase/functions/.env.
  STAYBASE_STRIPE_URL: "https://api.stripe.com",
  STAYBASE_DB_URL: status.DB_URL.replace("//postgres:", "//supabase_admin:"),
  STAYBASE_PUBLISHABLE_KEY: status.PUBLISHABLE_KEY,
  STAYBASE_SECRET_KEY: status.SECRET_KEY,
  STAYBASE_ANON_KEY: status.ANON_KEY,
  STAYBASE_SERVICE_ROLE_KEY: status.SERVICE_ROLE_KEY,
  STAYBASE_JWT_SECRET: status.JWT_SECRET,
};
const report = join(mkdtempSync(join(tmpdir(), "staybase-official-")), "vitest.json");
const filters = ["supabase/tests/api", "supabase/tests/money", "--tags-filter=!embedded"];
const { passed, failed } = await runVitest(projectRoot, environment, report, filters);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
