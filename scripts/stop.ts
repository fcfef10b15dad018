// `npm run stop`: stops the stack that runs on this project's data folder, from any terminal.

import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "./lib/config.ts";
import { runningPid } from "./stack/stack.ts";

const config = loadConfig();
const pid = runningPid(config);
if (pid === undefined) {
  console.log("Staybase is not running.");
} else {
  process.kill(pid, "SIGTERM");
  while (runningPid(config) === pid) await sleep(50);
  console.log("Stopped Staybase.");
}
