// Makes the cluster of a replica: a slot on the primary, which keeps the changes from then on, and a copy of the whole database.

import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import { copyCluster } from "../../backup/copy-cluster.ts";
import type { StackConfig } from "../../lib/config.ts";

/**
 * @param admin a connection to the primary as superuser
 * @param folder of the replica; what is in it is removed
 */
export async function copyPrimary(
  config: StackConfig,
  admin: Sql,
  slot: string,
  folder: string,
): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755); // Postgres may run as another user
  await dropSlot(admin, slot);
  await admin`select pg_catalog.pg_create_physical_replication_slot(${slot}, true)`;
  const partial = join(folder, "copy");
  await copyCluster(config, admin, partial);
  writeFileSync(join(partial, "standby.signal"), "");
  renameSync(partial, join(folder, "postgres")); // a copy that was broken off has no cluster
}

/** Drops a slot, whose replica must have ended; its connection may take a moment to end. */
export async function dropSlot(admin: Sql, slot: string): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; await sleep(50)) {
    const [found] = await admin<{ pid: number | null }[]>`
      select active_pid as pid from pg_catalog.pg_replication_slots where slot_name = ${slot}`;
    if (found === undefined) return;
    if (found.pid !== null) await admin`select pg_catalog.pg_terminate_backend(${found.pid})`;
    if (found.pid === null || Date.now() > deadline) {
      await admin`select pg_catalog.pg_drop_replication_slot(${slot})`;
      return;
    }
  }
}
