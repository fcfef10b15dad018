// The stack that tests run against: its own ports and a data folder that is thrown away, so that it never meets the
// developer's.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, type StackConfig } from "../lib/config.ts";
import { freePort } from "../lib/ports.ts";

/** Ports that a developer would set, free and another four each time. */
export async function testPorts(): Promise<StackConfig["ports"]> {
  return {
    api: await freePort("outer"),
    db: await freePort("outer"),
    mail: await freePort("outer"),
    stripe: await freePort("outer"),
  };
}

/** A configuration with free ports, a new, empty data folder under the system's temporary folder, and no seed. */
export async function testConfig(overrides: Parameters<typeof loadConfig>[0] = {}): Promise<StackConfig> {
  const dataDir = mkdtempSync(join(tmpdir(), "staybase-test-"));
  chmodSync(dataDir, 0o755); // Postgres may run as another user
  return loadConfig({ dataDir, ports: await testPorts(), seed: false, ...overrides });
}

/** Removes what a test stack wrote. */
export function removeTestData(config: StackConfig): void {
  rmSync(config.dataDir, { recursive: true, force: true });
}
