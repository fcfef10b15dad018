// One replica: a Postgres server that follows the primary, and a PostgREST that reads it. It is copied from the primary when it is new
// or can no longer follow.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { databaseUrl, type StackConfig } from "../../lib/config.ts";
import { openDatabase } from "../../lib/database.ts";
import { freePort } from "../../lib/ports.ts";
import type { StopSignals } from "../parts.ts";
import { accepts, removeStaleLock, serverCommand } from "../postgres.ts";
import { ManagedProcess } from "../processes.ts";
import { createRest, type Rest } from "../rest.ts";
import { prepareServerFiles } from "../server-files.ts";
import { copyPrimary } from "./copy.ts";

/** A replica has nothing to lose, so it gets less time than the primary. */
const stopSignals: StopSignals = [
  ["SIGINT", 700],
  ["SIGQUIT", 300],
  ["SIGKILL", 300],
];

export class Replica {
  readonly name: string;
  /** Of its slot, and the name that it connects with. */
  readonly slot: string;
  readonly #config: StackConfig;
  readonly #folder: string;
  #server: ManagedProcess | undefined;
  #rest: Rest | undefined;
  #sql: Sql | undefined;

  constructor(config: StackConfig, number: number) {
    this.#config = config;
    this.name = `replica-${number}`;
    this.slot = `staybase_replica_${number}`;
    this.#folder = join(config.dataDir, "replicas", this.name);
  }

  /** The port of its PostgREST. */
  get port(): number {
    return this.#rest?.port ?? 0;
  }

  /** @param admin a connection to the primary as superuser */
  async start(admin: Sql): Promise<void> {
    const [kept] = await admin`
      select from pg_catalog.pg_replication_slots where slot_name = ${this.slot} and wal_status <> 'lost'`;
    const cluster = join(this.#folder, "postgres");
    if (kept === undefined || !existsSync(cluster))
      await copyPrimary(this.#config, admin, this.slot, this.#folder);
    const config = { ...this.#config, ports: { ...this.#config.ports, db: await freePort("inner") } };
    const files = await prepareServerFiles(config.dataDir);
    removeStaleLock(cluster);
    const primary = `host=127.0.0.1 port=${this.#config.ports.db} user=supabase_replication_admin password=postgres application_name=${this.slot}`;
    this.#server = new ManagedProcess({
      name: `${this.name}-postgres`,
      // on the command line, so that nothing of it is left in a cluster that is promoted
      ...serverCommand(config, files, cluster, {
        archive_mode: "off",
        synchronous_standby_names: "",
        primary_conninfo: primary,
        primary_slot_name: this.slot,
        hot_standby_feedback: "on", // else rows that a search still reads would be removed, and the search with them
        max_standby_streaming_delay: "3s",
        wal_receiver_timeout: "5s",
        wal_retrieve_retry_interval: "1s",
      }),
      dataDir: config.dataDir,
      cwd: cluster,
      user: config.serverUser,
      port: config.ports.db,
      restart: true,
      stopSignals,
    });
    this.#server.start();
    await this.#server.until(() => accepts(databaseUrl(config, "supabase_admin")), 600_000);
    this.#sql = openDatabase(config, "supabase_admin", { connect_timeout: 1 });
    this.#rest = createRest(config, () => {}, this.name);
    await this.#rest.start();
    await this.#rest.ready();
  }

  /** The position in the log of what it has applied. Rejects when Postgres or PostgREST does not answer. */
  async position(): Promise<bigint> {
    if (this.#sql === undefined || this.#rest === undefined) throw new Error(`${this.name} does not run.`);
    const [[row], works] = await Promise.all([
      this.#sql<{ position: string }[]>`
        select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint as position
        where pg_catalog.pg_is_in_recovery()`,
      this.#rest.works(),
    ]);
    if (row === undefined || !works) throw new Error(`${this.name} is not ready.`);
    return BigInt(row.position);
  }

  reload(what: "schema" | "config"): void {
    this.#rest?.reload(what);
  }

  async stop(): Promise<void> {
    const [rest, sql, server] = [this.#rest, this.#sql, this.#server];
    this.#rest = undefined;
    this.#sql = undefined;
    this.#server = undefined;
    await Promise.all([rest?.stop(), sql?.end({ timeout: 0 }), server?.stop()]);
  }
}
