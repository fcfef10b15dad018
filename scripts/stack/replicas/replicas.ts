// The replicas, a service of the stack. Each second it looks how far each is behind: one that is late or does not answer gets no requests,
// and one that no longer follows is copied from the primary again.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../../lib/config.ts";
import { openDatabase } from "../../lib/database.ts";
import { errorText } from "../../lib/errors.ts";
import type { Service } from "../service.ts";
import { dropSlot } from "./copy.ts";
import { LogPositions } from "./log-positions.ts";
import { Replica } from "./replica.ts";
import { waitForReplicas } from "./synchronous.ts";

/** In ms. */
const times = {
  /** Between two looks. */
  period: 1_000,
  /** How long a replica may take to answer a look. */
  look: 800,
  /** How far behind a replica may be that answers requests. */
  lag: 10_000,
  /** How long a replica may not answer while commits still wait for it. */
  silence: 2_500,
  /** How long a replica may not follow, or not answer, before it is copied again. A busy machine may make it slow to answer. */
  patience: { following: 15_000, answering: 60_000 },
};

/** A replica that may answer a request. */
export interface Reader {
  name: string;
  port: number;
  /** Aborted when the replica stops answering. */
  signal: AbortSignal;
}

export interface Replicas extends Service {
  /** Whether there are any, ready or not. */
  readonly on: boolean;
  /** Runs `use` with the replica that has the fewest requests; returns undefined when none is ready. */
  read<T>(use: (reader: Reader) => Promise<T>): Promise<T | undefined>;
}

interface Slot {
  slot: string;
  active: boolean;
  lost: boolean;
}

interface Watched {
  replica: Replica;
  ready: boolean;
  /** Those that it answers now. */
  requests: number;
  usedAt: number;
  answering: AbortController;
  /** Times are in ms of performance.now(). */
  answeredAt: number;
  followedAt: number;
  /** While it starts or is copied. */
  busy: boolean;
  /** What its PostgREST has to read again once the replica has applied this position. */
  reloads: Map<"schema" | "config", bigint>;
}

export function createReplicas(config: StackConfig): Replicas {
  const { count, synchronous } = config.replicas;
  const all = Array.from({ length: count }, (_, index) => watch(new Replica(config, index + 1)));
  const positions = new LogPositions();
  let admin: Sql | undefined;
  let waitedFor: string[] = [];

  async function lookEachSecond(sql: Sql): Promise<void> {
    while (admin === sql) {
      const next = sleep(times.period);
      await look(sql).catch((error) => admin === sql && console.error(`replicas: ${errorText(error)}`));
      await next;
    }
  }

  async function look(sql: Sql): Promise<void> {
    const slots = await within(lookAtPrimary(sql), times.look);
    await Promise.all(all.map((each) => lookAt(sql, each, slots)));
    if (synchronous) await chooseWaitedFor(sql, slots);
  }

  async function lookAtPrimary(sql: Sql): Promise<Slot[]> {
    const now = performance.now();
    const position = await primaryPosition(sql);
    positions.add(position, now);
    return sql<Slot[]>`
      select slot_name as slot, active, wal_status = 'lost' as lost from pg_catalog.pg_replication_slots`;
  }

  /** @param slots undefined when the primary does not answer */
  async function lookAt(sql: Sql, each: Watched, slots: Slot[] | undefined): Promise<void> {
    if (each.busy) return;
    const applied = await within(each.replica.position(), times.look);
    const slot = slots?.find((one) => one.slot === each.replica.slot);
    const now = performance.now();
    if (slot?.active === true) each.followedAt = now;
    if (applied === undefined) {
      leave(each, "does not answer");
      giveUpRequests(each);
    } else {
      each.answeredAt = now;
      reload(each, applied);
      const lag = positions.lag(applied, now);
      if (lag > times.lag) leave(each, `is ${Math.round(lag / 1000)} s behind`);
      else if (slots !== undefined && slot?.active !== true) leave(each, "does not follow the primary");
      else enter(each);
    }
    if (slots === undefined) return;
    const isLate =
      now - each.followedAt > times.patience.following || now - each.answeredAt > times.patience.answering;
    if (slot === undefined || slot.lost || isLate) void start(sql, each);
  }

  /** Starts a replica, or copies it again when it has run. It is tried again when it fails. */
  async function start(sql: Sql, each: Watched): Promise<void> {
    const { replica } = each;
    each.busy = true;
    try {
      if (each.followedAt > 0) {
        leave(each, "is copied again");
        giveUpRequests(each);
        await replica.stop();
        await dropSlot(sql, replica.slot);
      }
      await replica.start(sql);
      if (admin !== sql) await replica.stop(); // the stack has stopped meanwhile
    } catch (error) {
      if (admin === sql) console.error(`${replica.name} did not start: ${errorText(error)}`);
      await replica.stop();
    } finally {
      each.followedAt = performance.now(); // it has time to follow and to answer from here on
      each.answeredAt = each.followedAt;
      each.busy = false;
    }
  }

  function reload(each: Watched, applied: bigint): void {
    for (const [what, position] of each.reloads) {
      if (applied < position) continue;
      each.reloads.delete(what);
      each.replica.reload(what);
    }
  }

  /** A migration tells PostgREST to reload; that of a replica cannot listen. */
  async function noteReload(sql: Sql, message: string): Promise<void> {
    const what = message === "reload config" ? "config" : "schema";
    const position = await primaryPosition(sql);
    for (const { reloads } of all) reloads.set(what, position);
  }

  /** Commits wait for the replicas that follow, and for none when none does: the platform goes on with one copy of its data then. */
  async function chooseWaitedFor(sql: Sql, slots: Slot[] | undefined): Promise<void> {
    const now = performance.now();
    const names = all
      .filter(({ busy, answeredAt }) => !busy && now - answeredAt < times.silence)
      .map(({ replica }) => replica.slot)
      .filter(
        (name) => slots?.some(({ slot, active }) => slot === name && active) ?? waitedFor.includes(name),
      );
    if (names.join() !== waitedFor.join() && admin === sql) await waitFor(sql, names);
  }

  async function waitFor(sql: Sql, names: string[]): Promise<void> {
    waitForReplicas(join(config.dataDir, "postgres"), names);
    await sql`select pg_catalog.pg_reload_conf()`;
    waitedFor = names;
    console.error(
      `Commits wait for ${names.length > 0 ? names.join(" or ") : "no replica, because none follows"}.`,
    );
  }

  return {
    name: count === 1 ? "replica" : `${count} replicas`,
    on: count > 0,
    async start() {
      const sql = openDatabase(config, "supabase_admin", { max: 2, connect_timeout: 5 });
      admin = sql;
      await dropOthers(
        config,
        sql,
        all.map(({ replica }) => replica),
      );
      await sql.listen("pgrst", (message) => {
        noteReload(sql, message).catch((error) => console.error(`replicas: ${errorText(error)}`));
      });
      for (const each of all) await start(sql, each); // one after the other: a copy keeps the disk busy
      void lookEachSecond(sql);
    },
    async ready() {},
    async stop() {
      const sql = admin;
      admin = undefined;
      if (sql === undefined) return;
      if (waitedFor.length > 0) await waitFor(sql, []).catch(() => {}); // commits of other parts would wait for ever
      await Promise.all(all.map(({ replica }) => replica.stop()));
      await sql.end({ timeout: 1 });
    },
    async read(use) {
      const [best] = all
        .filter(({ ready }) => ready)
        .sort((a, b) => a.requests - b.requests || a.usedAt - b.usedAt);
      if (best === undefined) return undefined;
      best.requests += 1;
      best.usedAt = performance.now();
      try {
        return await use({ name: best.replica.name, port: best.replica.port, signal: best.answering.signal });
      } finally {
        best.requests -= 1;
      }
    },
  };
}

function watch(replica: Replica): Watched {
  return {
    replica,
    ready: false,
    requests: 0,
    usedAt: 0,
    answering: new AbortController(),
    answeredAt: Number.NEGATIVE_INFINITY,
    followedAt: 0,
    busy: false,
    reloads: new Map(),
  };
}

function enter(each: Watched): void {
  if (!each.ready) console.error(`${each.replica.name} answers requests.`);
  each.ready = true;
}

function leave(each: Watched, why: string): void {
  if (each.ready) console.error(`${each.replica.name} ${why}; the primary answers for it.`);
  each.ready = false;
}

/** Lets the primary answer the requests that the replica has not answered. */
function giveUpRequests(each: Watched): void {
  each.answering.abort();
  each.answering = new AbortController();
}

async function primaryPosition(sql: Sql): Promise<bigint> {
  const [row] = await sql<{ position: string }[]>`
    select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), '0/0')::bigint as position`;
  return BigInt(row?.position ?? 0);
}

/** Removes the replicas of an earlier start. */
export async function dropReplicas(config: StackConfig): Promise<void> {
  const sql = openDatabase(config, "supabase_admin");
  await dropOthers(config, sql, []).finally(() => sql.end({ timeout: 1 }));
}

/** Removes all other replicas: their slots would keep the log. */
async function dropOthers({ dataDir }: StackConfig, sql: Sql, replicas: Replica[]): Promise<void> {
  const slots = await sql<{ name: string }[]>`
    select slot_name as name from pg_catalog.pg_replication_slots where slot_name ~ '^staybase_replica_[0-9]+$'`;
  for (const { name } of slots) if (replicas.every(({ slot }) => slot !== name)) await dropSlot(sql, name);
  const folder = join(dataDir, "replicas");
  for (const name of existsSync(folder) ? readdirSync(folder) : [])
    if (replicas.every((replica) => replica.name !== name)) rmSync(join(folder, name), { recursive: true });
}

/** The result; undefined when it fails or takes longer than `limit` ms. */
async function within<T>(work: Promise<T>, limit: number): Promise<T | undefined> {
  const late = new AbortController();
  const tooLate = sleep(limit, undefined, { signal: late.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, tooLate]);
  } catch {
    return undefined;
  } finally {
    late.abort();
  }
}
