// `npm run status`: prints URLs and keys. `--json` is for programs, `--env` for a shell or an .env file.

import { databaseUrl, loadConfig } from "./lib/config.ts";
import { runningPid } from "./stack/stack.ts";

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
};
const pid = runningPid(config);

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ running: pid !== undefined, ...values }, null, 2));
} else if (process.argv.includes("--env")) {
  for (const [name, value] of Object.entries(values)) console.log(`${name}="${value}"`);
} else {
  console.log(
    pid === undefined
      ? "Staybase is not running. Start it with `npm start`."
      : `Staybase is running (process ${pid}).`,
  );
  for (const [name, value] of Object.entries(values)) console.log(`  ${name.padEnd(17)} ${value}`);
}
process.exitCode = pid === undefined ? 1 : 0;
