// `npm run test:official`: the API tests against a running `supabase start`. Needs Docker, so CI runs it and `npm test` does not.
// Those that pay with the Stripe emulator are left out: there is none beside that stack.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { projectRoot } from "./lib/config.ts";
import { runVitest } from "./test/vitest.ts";

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
  STAYBASE_API_URL: status.API_URL,
  STAYBASE_MAIL_URL: status.MAILPIT_URL,
  // there the functions talk to Stripe itself, with the key in supabase/functions/.env
  STAYBASE_STRIPE_URL: "https://api.stripe.com",
  STAYBASE_DB_URL: status.DB_URL.replace("//postgres:", "//supabase_admin:"),
  STAYBASE_PUBLISHABLE_KEY: status.PUBLISHABLE_KEY,
  STAYBASE_SECRET_KEY: status.SECRET_KEY,
  STAYBASE_ANON_KEY: status.ANON_KEY,
  STAYBASE_SERVICE_ROLE_KEY: status.SERVICE_ROLE_KEY,
  STAYBASE_JWT_SECRET: status.JWT_SECRET,
};
const report = join(mkdtempSync(join(tmpdir(), "staybase-official-")), "vitest.json");
const folder = "supabase/tests/api";
const files = readdirSync(join(projectRoot, folder))
  .map((name) => join(folder, name))
  .filter(
    (file) => !/payment-support|stripeUrl|"Book a stay"/.test(readFileSync(join(projectRoot, file), "utf8")),
  );
const { passed, failed } = await runVitest(projectRoot, environment, report, files);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
