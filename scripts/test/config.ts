// The configuration of a test's stack: free ports and a temporary data folder, so that it does not touch the developer's stack.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, type StackConfig } from "../lib/config.ts";
import { freePort } from "../lib/ports.ts";
import { copyTemplate } from "./template.ts";

/** Four free ports, different ones at each call. */
export async function testPorts(): Promise<StackConfig["ports"]> {
  return {
    api: await freePort("outer"),
    db: await freePort("outer"),
    mail: await freePort("outer"),
    stripe: await freePort("outer"),
  };
}

/**
 * A configuration with free ports, a temporary data folder, no seed, no past, and a limit of reads that no test meets. The folder is empty,
 * or has what the first start of such a stack leaves.
 */
export async function testConfig(overrides: Parameters<typeof loadConfig>[0] = {}): Promise<StackConfig> {
  const dataDir = mkdtempSync(join(tmpdir(), "staybase-test-"));
  chmodSync(dataDir, 0o755); // Postgres may run as another user
  const config = loadConfig({
    dataDir,
    ports: await testPorts(),
    seed: false,
    past: false,
    readsPerMinute: 1_000_000,
    ...overrides,
  });
  if (!config.past) copyTemplate(config, config.seed ? "seed" : "empty");
  return config;
}

/** Removes the data folder of a test's stack. */
export function removeTestData(config: StackConfig): void {
  rmSync(config.dataDir, { recursive: true, force: true });
}
