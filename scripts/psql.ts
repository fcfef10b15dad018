// `npm run psql [-- <psql's arguments>]`: SQL on the running stack's database, as `postgres`; `-U supabase_admin` is the superuser.

import { spawnSync } from "node:child_process";
import { databaseUrl, loadConfig } from "./lib/config.ts";
import { runningPid } from "./stack/stack.ts";

const config = loadConfig();
if (runningPid(config) === undefined) fail("Staybase is not running. Start it with: npm start");

const url = new URL(databaseUrl(config));
const { error, status } = spawnSync("psql", process.argv.slice(2), {
  stdio: "inherit",
  env: {
    ...process.env,
    PGHOST: url.hostname,
    PGPORT: url.port,
    PGUSER: url.username,
    PGPASSWORD: url.password,
    PGDATABASE: url.pathname.slice(1),
  },
});
if (error !== undefined) {
  fail(`psql is not installed. Install the Postgres client, connect another SQL client to

  ${url}

or run a single statement:

  npx supabase db query --read-only --remote='${url}?sslmode=disable' 'select count(*) from properties'`);
}
process.exitCode = status ?? 1;

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
