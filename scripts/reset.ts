// `npm run reset`: throws the local data away; the next start makes a new database.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "./lib/config.ts";
import { endLeftovers } from "./stack/processes.ts";
import { runningPid } from "./stack/stack.ts";

const config = loadConfig();
if (runningPid(config) !== undefined) {
  console.error("Staybase is running. Stop it first: npm run stop");
  process.exit(1);
}
await endLeftovers(config.dataDir); // of a stack that was killed: they would go on working on what is removed
// stripe.json: what the emulator's books say of bookings that are gone would be missing in a new ledger
for (const name of ["postgres", "objects", "logs", "stripe.json"]) {
  rmSync(join(config.dataDir, name), { recursive: true, force: true });
}
console.log("The local data is gone. `npm start` makes a new database.");
