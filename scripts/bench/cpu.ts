// The processor time of a connection's backend: unlike the time on the clock, it does not depend on what else the machine does.

import { readFileSync } from "node:fs";
import type { Sql } from "postgres";
import { percentile } from "./facts.ts";

/**
 * Runs each call alone and returns the milliseconds of processor time that the backend used for it. Linux tells it in /proc; elsewhere
 * it is the time on the clock.
 *
 * @param sql a pool of one connection
 */
export async function cpuTimes(sql: Sql, calls: (() => Promise<unknown>)[]): Promise<number[]> {
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const now = () => processorTime(row?.pid ?? 0);
  const times: number[] = [];
  for (const call of calls) {
    const before = now();
    await call();
    times.push(now() - before);
  }
  return times;
}

/** The median processor time of `runs` calls, after others that warm up caches and plans. */
export async function medianCpu(
  sql: Sql,
  call: (n: number) => Promise<unknown>,
  { runs = 60, warmUp = 20 } = {},
): Promise<number> {
  const calls = Array.from({ length: warmUp + runs }, (_, n) => () => call(n));
  return percentile((await cpuTimes(sql, calls)).slice(warmUp), 50);
}

/**
 * The processor time of a read of a property by its primary key, as anon, over a connection that has prepared it: the unit of the
 * figures. It costs about twice as much after other work as in a row, so what has a budget is measured with costInReads.
 */
export async function keyRead(sql: Sql): Promise<number> {
  const rows = await sql<{ id: string }[]>`select id from public.properties order by id limit 400`;
  await sql`set role anon`;
  const time = await medianCpu(
    sql,
    (n) =>
      sql`select id, title, base_price from public.properties where id = ${rows[n % rows.length]?.id ?? ""}`,
    { runs: 400, warmUp: 100 },
  );
  await sql`reset role`;
  return time;
}

/**
 * The median processor time of a call, in reads of a property by its primary key as anon. Both are measured in turn, because caches and
 * the speed of a shared processor change from one second to the next.
 *
 * @param prepare runs before each call and is not measured, such as to become the person who calls; the role is reset after the call
 */
export async function costInReads(
  sql: Sql,
  prepare: (n: number) => Promise<unknown>,
  call: (n: number) => Promise<unknown>,
  { runs = 30, warmUp = 10 } = {},
): Promise<number> {
  const rows = await sql<{ id: string }[]>`select id from public.properties order by id limit 400`;
  const reads: number[] = [];
  const times: number[] = [];
  for (let n = 0; n < warmUp + runs; n += 1) {
    await sql`set role anon`;
    const read = (turn: number) =>
      sql`select id, title, base_price from public.properties where id = ${rows[(5 * n + turn) % rows.length]?.id ?? ""}`;
    reads.push(
      ...(await cpuTimes(
        sql,
        Array.from({ length: 5 }, (_, turn) => () => read(turn)),
      )),
    );
    await sql`reset role`;
    await prepare(n);
    times.push(...(await cpuTimes(sql, [() => call(n)])));
    await sql`reset role`;
  }
  return percentile(times.slice(warmUp), 50) / percentile(reads.slice(5 * warmUp), 50);
}

function processorTime(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return performance.now();
  }
}
