// `npm run stop`: stops the stack that runs on this project's data folder, from any terminal, and ends what a killed stack left.

import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "./lib/config.ts";
import { explainUncaught } from "./lib/errors.ts";
import { endLeftovers, kill } from "./stack/parts.ts";
import { runningPid } from "./stack/stack.ts";

/** In ms; longer than a stack takes that still answers. */
const patience = 7_000;

explainUncaught();
const config = loadConfig();
const pid = runningPid(config);
if (pid !== undefined) {
  kill(pid, "SIGTERM");
  for (const deadline = Date.now() + patience; runningPid(config) === pid; await sleep(50)) {
    if (Date.now() > deadline) kill(pid, "SIGKILL");
  }
}
const left = runningPid(config) === undefined ? await endLeftovers(config.dataDir) : []; // else another start was quicker
if (pid === undefined && left.length === 0) console.log("Staybase is not running.");
else
  console.log(
    left.length === 0 ? "Stopped Staybase." : `Ended what was left of Staybase: ${left.join(", ")}.`,
  );
