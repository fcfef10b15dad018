// `npm run reset`: deletes the local data, so that the next start creates a new database.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "./lib/config.ts";
import { explainUncaught } from "./lib/errors.ts";
import { endLeftovers } from "./stack/parts.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const config = loadConfig();
if (runningPid(config) !== undefined) {
  console.error("Staybase is running. Stop it first with `npm run stop`.");
  process.exit(1);
}
await endLeftovers(config.dataDir); // processes of a killed stack would still use the files
// stripe.json too, because the payments in it belong to bookings that are deleted. Backups stay, and are off until the next one.
for (const name of [
  "postgres",
  "objects",
  "logs",
  "stripe.json",
  "archive",
  "backup.json",
  "restore",
  "replicas",
  "clock",
  "before-clock",
]) {
  rmSync(join(config.dataDir, name), { recursive: true, force: true });
}
console.log("Deleted the local data. `npm start` creates a new database.");
