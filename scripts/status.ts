// `npm run status`: prints what runs, URLs and keys. `--json` is for programs, `--env` for a shell or an .env file.

import { databaseUrl, loadConfig } from "./lib/config.ts";
import { explainUncaught } from "./lib/errors.ts";
import { metricsToken } from "./stack/functions.ts";
import { runningParts } from "./stack/parts.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const config = loadConfig();
const values = {
  API_URL: config.apiUrl,
  DB_URL: databaseUrl(config),
  MAIL_URL: config.mailUrl,
  STRIPE_URL: config.stripeUrl,
  PUBLISHABLE_KEY: config.keys.publishable,
  SECRET_KEY: config.keys.secret,
  ANON_KEY: config.keys.anon,
  SERVICE_ROLE_KEY: config.keys.serviceRole,
  JWT_SECRET: config.keys.jwtSecret,
  METRICS_TOKEN: metricsToken(config),
};
const pid = runningPid(config);
const parts = runningParts(config.dataDir);
const list = parts.map((part) => `${part.name} (process ${part.pid})`).join(", ");

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ running: pid !== undefined, parts, ...values }, null, 2));
} else if (process.argv.includes("--env")) {
  for (const [name, value] of Object.entries(values)) console.log(`${name}="${value}"`);
} else {
  if (pid !== undefined) console.log(`Staybase is running (process ${pid}): ${list}.`);
  else if (parts.length === 0) console.log("Staybase is not running. Start it with `npm start`.");
  else console.log(`Staybase was killed and left running: ${list}. \`npm run stop\` ends it.`);
  for (const [name, value] of Object.entries(values)) console.log(`  ${name.padEnd(17)} ${value}`);
}
process.exitCode = pid === undefined ? 1 : 0;
