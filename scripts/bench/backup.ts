// Backs up a market while the stack runs, restores it in a drill, and reads the metrics: seconds by the clock, so they depend on the
// machine and what else runs on it.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot, type StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { removeTestData, testConfig } from "../test/config.ts";
import { makeBusyMarket } from "./busy-market.ts";
import { percentile } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { startStack } from "./own-stack.ts";

const scrapes = 200;

/** @param size number of properties; there are five bookings and twenty stays for each */
export async function benchBackup(size = 20_000): Promise<Figure[]> {
  const config = await testConfig();
  const stack = await startStack(config);
  try {
    const admin = openDatabase(config, "supabase_admin");
    await makeBusyMarket(admin, size);
    await admin.end();
    const metrics = await readMetrics(config);
    const backup = await run(config, "backup");
    const drill = await run(config, "drill", (output) => output.includes("  Audit "));
    const [, megabytes = "", stored = "", seconds = ""] =
      /checked: ([\d.]+) MB, stored in ([\d.]+).*, ([\d.]+) s/.exec(backup) ?? [];
    const figure = (pattern: RegExp) => Number(pattern.exec(drill)?.[1]);
    return [
      { name: "size of the database", value: Number(megabytes), unit: "MB" },
      { name: "stored in", value: Number(stored), unit: "MB" },
      { name: "backup", value: Number(seconds), unit: "s", budget: 60 },
      { name: "loss at most (RPO of a drill)", value: figure(/RPO +([\d.]+)/), unit: "s", budget: 60 },
      { name: "restore (RTO of a drill)", value: figure(/RTO +([\d.]+)/), unit: "s" },
      { name: "audit", value: figure(/Audit +([\d.]+)/), unit: "s" },
      { name: "read of the metrics, median", value: percentile(metrics, 50), unit: "ms" },
      { name: "read of the metrics, 95 of 100", value: percentile(metrics, 95), unit: "ms", budget: 100 },
    ];
  } finally {
    await stack.stop();
    removeTestData(config);
  }
}

/** In ms, one read after another. */
async function readMetrics(config: StackConfig): Promise<number[]> {
  const read = async () => {
    const since = performance.now();
    const response = await fetch(`${config.apiUrl}/functions/v1/metrics`, {
      headers: { authorization: "Bearer staybase-local-metrics" },
    });
    await response.text();
    if (!response.ok) throw new Error(`The metrics answered ${response.status}.`);
    return performance.now() - since;
  };
  await read(); // starts the function
  const times: number[] = [];
  while (times.length < scrapes) times.push(await read());
  return times;
}

/**
 * Runs a command of the project on the stack, and returns its output.
 *
 * @param isDone whether it did its work, though it exits with 1: rules do not hold in a market that is written past them, and a
 * drill's audit says so
 */
function run(config: StackConfig, script: string, isDone = (_: string) => false): Promise<string> {
  const child = spawn(process.execPath, [join(projectRoot, `scripts/${script}.ts`)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, STAYBASE_DIR: config.dataDir, STAYBASE_DB_PORT: String(config.ports.db) },
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.on("close", (code) => (code === 0 || isDone(output) ? resolve(output) : reject(new Error(output))));
  });
}
