// The tasks of one booking are done one at a time and in order, by however many workers, on real connections; and taking tasks reads
// little of a long queue.

import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { pagesRead } from "../../../scripts/lib/pages-read.ts";
import { database, openConnections, withoutTriggers } from "../support/database.ts";
import { sleepUntil, until } from "../support/time.ts";

const sql = database();
const workers = openConnections(20);

interface Task {
  task_id: string;
  lease: string;
  subject: string;
}
const prefix = `pm_${randomUUID()}`;
const lease = randomUUID();

// the workers of the stack have to stay away
beforeAll(async () => {
  await until(async () => {
    await sql`insert into private.internal_runs (function_name, number, started_at, lease, leased_until)
        select 'money-worker', n, now(), ${lease}, now() + interval '1 hour'
        from private.internal_functions f cross join lateral generate_series(1, f.runs) n where f.name = 'money-worker'
        on conflict on constraint internal_runs_pkey do update set lease = excluded.lease, leased_until = excluded.leased_until
        where internal_runs.leased_until is null or internal_runs.leased_until < now()`;
    const others =
      await sql`select from private.internal_runs where function_name = 'money-worker' and lease <> ${lease}`;
    return others.length === 0;
  }, "the end of the stack's own runs");
});
afterEach(
  async () => void (await sql`delete from private.stripe_tasks where starts_with(subject, ${prefix})`),
);
afterAll(async () => {
  await sql`update private.internal_runs set lease = null, leased_until = null where lease = ${lease}`;
  await sql`vacuum analyze private.stripe_tasks`;
  await Promise.all([sql, ...workers].map((connection) => connection.end()));
});

it("tasks of one booking are done one at a time and in order by twenty workers, those of others meanwhile", async () => {
  const bookings = 30;
  const each = 6;
  await sql`insert into private.stripe_tasks (kind, subject, ordering_key)
      select 'detach', ${`${prefix}:`} || b || ':' || n, ${`${prefix}:`} || b
      from generate_series(1, ${each}::integer) n, generate_series(1, ${bookings}::integer) b order by n, b`;
  const began: Record<string, number[]> = {};
  const running = new Map<string, number>();
  const faults: string[] = [];
  let mostAtOnce = 0;
  let left = bookings * each;

  async function attempt(worker: Sql, task: Task): Promise<void> {
    const [, booking = "", number = ""] = task.subject.split(":");
    if (running.has(booking)) faults.push(`${task.subject} began during ${running.get(booking)}`);
    running.set(booking, Number(number));
    mostAtOnce = Math.max(mostAtOnce, running.size);
    began[booking] = [...(began[booking] ?? []), Number(number)];
    // as long as a short call to Stripe
    await sleepUntil(Date.now() + 5 + Math.random() * 10);
    running.delete(booking);
    // every third task fails at first
    const fails = Number(number) % 3 === 0 && began[booking].filter((n) => n === Number(number)).length === 1;
    if (fails) {
      await worker`select public.fail_stripe_task(${task.task_id}, ${task.lease}, 'no')`;
      await worker`update private.stripe_tasks set run_at = now() where ordering_key = ${`${prefix}:${booking}`} and done_at is null`;
      return;
    }
    const [row] = await worker`select public.finish_stripe_task(${task.task_id}, ${task.lease}) as done`;
    if (row?.done !== true) faults.push(`${task.subject} was done twice`);
    left -= 1;
  }

  const deadline = Date.now() + 45_000;
  await Promise.all(
    workers.map(async (worker) => {
      while (left > 0 && Date.now() < deadline) {
        const tasks = await worker<Task[]>`select task_id, lease, subject from public.take_stripe_tasks(3)`;
        const mine = tasks.filter(({ subject }) => subject.startsWith(prefix));
        await Promise.all(mine.map((task) => attempt(worker, task)));
        if (mine.length === 0) await sleepUntil(Date.now() + 10);
      }
    }),
  );
  expect(faults).toEqual([]);
  expect(left).toBe(0);
  expect(mostAtOnce).toBeGreaterThan(1);
  for (let booking = 1; booking <= bookings; booking += 1) {
    expect(began[booking]).toEqual([1, 2, 3, 3, 4, 5, 6, 6]);
  }
});

it("tasks are taken from a queue of 100,000 with as little reading as from a short one, also when most wait for one that failed", async () => {
  const [worker] = workers as [Sql];
  const pages = async () => {
    await pagesRead(worker, "select task_id from public.take_stripe_tasks(20)");
    return pagesRead(worker, "select task_id from public.take_stripe_tasks(20)");
  };
  /** Four tasks for each booking; of the first `failed` tasks, each booking's first has failed. */
  const enqueue = (count: number, failed: number) =>
    withoutTriggers(
      sql,
      (tx) => tx`insert into private.stripe_tasks (kind, subject, ordering_key, run_at, attempts)
        select 'detach', ${`${prefix}:`} || n, ${`${prefix}:`} || n / 4,
          case when n < ${failed} then now() + interval '1 hour' else now() end, (n < ${failed} and n % 4 = 0)::integer
        from generate_series(0, ${count - 1}::integer) n`,
    );
  await enqueue(400, 0);
  const ofShort = await pages();

  await sql`delete from private.stripe_tasks where starts_with(subject, ${prefix})`;
  await enqueue(100_000, 80_000);
  await sql`vacuum analyze private.stripe_tasks`;
  expect(await pages()).toBeLessThan(2 * ofShort);
  const wakes: number[] = [];
  // The first of them also read the catalogue.
  for (let n = 0; n < 4; n += 1) wakes.push(await pagesRead(worker, "select private.wake_money_worker()"));
  expect(Math.min(...wakes)).toBeLessThan(200);
});
