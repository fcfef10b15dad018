// `npm run reset`: throws the local data away; the next start makes a new database.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "./stack/config.ts";
import { endLeftovers } from "./stack/processes.ts";
import { runningPid } from "./stack/stack.ts";

const config = loadConfig();
if (runningPid(config) !== undefined) {
  console.error("Staybase is running. Stop it first: npm run stop");
  process.exit(1);
}
await endLeftovers(config.dataDir); // of a stack that was killed: they would go on working on what is removed
for (const folder of ["postgres", "objects", "logs"]) {
  rmSync(join(config.dataDir, folder), { recursive: true, force: true });
}
console.log("The local data is gone. `npm start` makes a new database.");
