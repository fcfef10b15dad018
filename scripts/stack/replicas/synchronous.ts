// Which replicas a commit waits for: a settings file of the cluster, which Postgres reads when it starts or reloads its configuration.

import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "../../backup/files.ts";

const file = (cluster: string) => join(cluster, "staybase-synchronous.conf");

/** Lets commits wait for no replica, as none follows a server that starts. */
export function waitForNoReplica(cluster: string): void {
  rmSync(file(cluster), { force: true });
}

/** Lets each commit wait until one of these replicas has applied it; without names, for none. Reload the configuration then. */
export function waitForReplicas(cluster: string, names: string[]): void {
  const include = "include_if_exists = 'staybase-synchronous.conf'\n";
  const main = join(cluster, "postgresql.conf");
  if (!readFileSync(main, "utf8").includes(include)) appendFileSync(main, include);
  if (names.length > 0) {
    const list = names.map((name) => `"${name}"`).join(", ");
    writeWhole(
      file(cluster),
      `synchronous_standby_names = 'ANY 1 (${list})'\nsynchronous_commit = 'remote_apply'\n`,
    );
  } else if (existsSync(file(cluster))) waitForNoReplica(cluster);
}
