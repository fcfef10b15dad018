// A stack in a process of its own, as `npm start` runs it, so that a benchmark's own work is not measured with it.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot, type StackConfig } from "../lib/config.ts";

/** Starts a stack with its seed and waits until it is ready; answers how long that took. */
export async function startStack(config: StackConfig) {
  const since = performance.now();
  const child = spawn(process.execPath, [join(projectRoot, "scripts/start.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      STAYBASE_DIR: config.dataDir,
      STAYBASE_API_PORT: String(config.ports.api),
      STAYBASE_DB_PORT: String(config.ports.db),
      STAYBASE_MAIL_PORT: String(config.ports.mail),
      STAYBASE_STRIPE_PORT: String(config.ports.stripe),
      STAYBASE_READS_PER_MINUTE: String(config.readsPerMinute),
      STAYBASE_PAST: config.past ? "on" : "off",
    },
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  await new Promise<void>((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.includes("Ready in")) resolve();
    });
    child.on("close", () => reject(new Error(output)));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { seconds: (performance.now() - since) / 1000, pid: child.pid ?? 0, stop };
}
