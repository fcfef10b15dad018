// A copy of the running cluster in a folder of its own, on the same machine.

import { chownSync, createReadStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { copyByServer } from "./base.ts";
import { readManifest } from "./manifest.ts";
import { unpackCluster } from "./unpack.ts";

/**
 * Copies the cluster with the changes that it needs to start, and checks it against its manifest.
 *
 * @param admin a connection as superuser
 * @param cluster the folder to make; Postgres must be allowed into its parent
 * @throws StackError when the copy is not what the manifest says
 */
export async function copyCluster(config: StackConfig, admin: Sql, cluster: string): Promise<void> {
  const raw = `${cluster}.tar`;
  mkdirSync(raw);
  if (config.serverUser !== undefined) chownSync(raw, config.serverUser.uid, config.serverUser.gid);
  await copyByServer(config, admin, raw, () => {});
  const manifest = readManifest(readFileSync(join(raw, "backup_manifest"), "utf8"));
  const tar = createReadStream(join(raw, "base.tar"), { highWaterMark: 1 << 20 });
  await unpackCluster(config, tar, manifest, cluster);
  rmSync(raw, { recursive: true });
}
