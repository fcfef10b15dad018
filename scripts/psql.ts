// `npm run psql [-- <psql's arguments>]`: SQL on the running stack's database, as `postgres`.

import { spawnSync } from "node:child_process";
import { databaseUrl, loadConfig } from "./stack/config.ts";
import { runningPid } from "./stack/stack.ts";

const config = loadConfig();
const url = databaseUrl(config);

if (runningPid(config) === undefined) fail("Staybase is not running. Start it with: npm start");
const { error, status } = spawnSync("psql", [url, ...process.argv.slice(2)], { stdio: "inherit" });
if (error !== undefined) {
  fail(`psql is not installed. Install Postgres's client, connect another SQL client to

  ${url}

or run a single statement:

  npx supabase db query --remote '${url}?sslmode=disable' 'select count(*) from properties'`);
}
process.exitCode = status ?? 1;

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
