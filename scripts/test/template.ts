// Copies of a stack's data from its first start. Stacks that tests start begin with one, and save the time of the migrations.

import { chmodSync, chownSync, constants, cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { copyCluster } from "../backup/copy-cluster.ts";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";

/** `empty` is migrated, `seed` has the seed, too, without its past. */
type Template = "empty" | "seed";

/** Read by stacks of Vitest's tests, too. */
const variable = "STAYBASE_TEST_TEMPLATES";

/** Keeps the data of a stack that has just started for the first time. Removed with the data of `keeper`. */
export async function keepTemplate(keeper: StackConfig, config: StackConfig, name: Template): Promise<void> {
  const folder = join(keeper.dataDir, "templates");
  const target = join(folder, name);
  mkdirSync(target, { recursive: true });
  const admin = openDatabase(config, "supabase_admin");
  await copyCluster(config, admin, join(target, "postgres")).finally(() => admin.end({ timeout: 1 }));
  for (const part of ["objects", "stripe.json"]) {
    const source = join(config.dataDir, part);
    if (existsSync(source)) cpSync(source, join(target, part), { recursive: true });
  }
  process.env[variable] = folder;
}

/** Gives an empty data folder the data of a template. Without one, because a part of the tests runs alone, the stack makes its own. */
export function copyTemplate(config: Pick<StackConfig, "dataDir" | "serverUser">, name: Template): void {
  const source = join(process.env[variable] ?? "", name);
  if (process.env[variable] === undefined || !existsSync(source)) return;
  cpSync(source, config.dataDir, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const cluster = join(config.dataDir, "postgres");
  chmodSync(cluster, 0o700); // Postgres refuses a folder that others can read
  const { serverUser } = config;
  if (serverUser === undefined) return;
  for (const path of ["", ...(readdirSync(cluster, { recursive: true }) as string[])])
    chownSync(join(cluster, path), serverUser.uid, serverUser.gid);
}
