// Makes the cluster of a replica: a slot on the primary, which keeps the changes from then on, and a copy of the whole database.

import {
  chmodSync,
  chownSync,
  createReadStream,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import { copyByServer } from "../../backup/base.ts";
import { readManifest } from "../../backup/manifest.ts";
import { unpackCluster } from "../../backup/unpack.ts";
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
  const raw = join(folder, "copy");
  mkdirSync(raw, { recursive: true });
  chmodSync(folder, 0o755); // Postgres may run as another user
  if (config.serverUser !== undefined) chownSync(raw, config.serverUser.uid, config.serverUser.gid);
  await dropSlot(admin, slot);
  await admin`select pg_catalog.pg_create_physical_replication_slot(${slot}, true)`;
  await copyByServer(config, admin, raw, () => {});
  const manifest = readManifest(readFileSync(join(raw, "backup_manifest"), "utf8"));
  const partial = join(raw, "postgres");
  await unpackCluster(
    config,
    createReadStream(join(raw, "base.tar"), { highWaterMark: 1 << 20 }),
    manifest,
    partial,
  );
  rmSync(join(raw, "base.tar"));
  writeFileSync(join(partial, "standby.signal"), "");
  renameSync(partial, join(folder, "postgres")); // a copy that was broken off has no cluster
  rmSync(raw, { recursive: true });
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
