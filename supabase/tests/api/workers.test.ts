// Many workers on one queue, on real connections: each job once, a worker that hangs and a job that always fails delay no one, and
// taking work reads little of a long queue.

import type { Sql } from "postgres";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { pagesRead } from "../../../scripts/lib/pages-read.ts";
import { database, openConnections } from "../support/database.ts";
import { until } from "../support/time.ts";

const sql = database();
const workers = openConnections(20);
interface Job {
  job_id: number;
  attempt: number;
  message: { n: number };
}

beforeAll(async () => {
  await sql.begin(async (tx) => {
    await tx`set local session authorization postgres`;
    await tx`select pgmq.create('crowd')`;
  });
  await sql`insert into private.job_queues (queue, worker, lease_seconds, max_attempts, first_pause, longest_pause)
      values ('crowd', 'no-such-worker', 2, 3, '50 milliseconds', '50 milliseconds')`;
});
beforeEach(async () => {
  await sql`truncate pgmq.q_crowd`;
  await sql`delete from public.dead_jobs where queue = 'crowd'`;
});
afterAll(async () => {
  await sql`delete from private.job_queues where queue = 'crowd'`;
  await sql`select pgmq.drop_queue('crowd')`;
  await Promise.all([sql, ...workers].map((connection) => connection.end()));
});

const enqueue = (count: number) =>
  sql`select pgmq.send('crowd', jsonb_build_object('n', n)) from generate_series(1, ${count}::integer) n`;
const take = (worker: Sql) => worker<Job[]>`select * from public.take_jobs('crowd', 10)`;

async function finish(worker: Sql, { job_id, attempt }: Job): Promise<boolean> {
  const [row] = await worker`select public.finish_job('crowd', ${job_id}, ${attempt}) as done`;
  return row?.done === true;
}

/** Works until nothing can be taken, and returns the numbers of the jobs that this worker has done. */
async function workOff(worker: Sql, work: (job: Job) => Promise<boolean>): Promise<number[]> {
  const done: number[] = [];
  for (let jobs = await take(worker); jobs.length > 0; jobs = await take(worker)) {
    for (const job of jobs) {
      if ((await work(job)) && (await finish(worker, job))) done.push(job.message.n);
    }
  }
  return done;
}
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const sorted = (lists: number[][]) => lists.flat().sort((a, b) => a - b);

it.each([2, 20])("gives each of 1,000 jobs once, to one of %i workers", async (count) => {
  await enqueue(1_000);
  const done = await Promise.all(workers.slice(0, count).map((worker) => workOff(worker, async () => true)));
  expect(sorted(done)).toEqual(numbers(1_000));
  expect(done.filter((list) => list.length > 0).length).toBeGreaterThan(1);
});

it("goes on while a worker hangs, whose jobs are done once, by others", async () => {
  await enqueue(200);
  const [hanging, ...others] = workers as [Sql, ...Sql[]];
  const held = await take(hanging);
  expect(held.map(({ message }) => message.n)).toEqual(numbers(10));
  const done = await Promise.all(others.map((worker) => workOff(worker, async () => true)));
  expect(sorted(done)).toEqual(numbers(200).slice(10));
  const later = await until(async () => {
    const lists = await Promise.all(
      others.map((worker) => workOff(worker, async ({ attempt }) => attempt === 2)),
    );
    return lists.flat().length > 0 && lists;
  }, "the end of the lease");
  expect(sorted(later)).toEqual(numbers(10));
  for (const job of held) expect(await finish(hanging, job)).toBe(false);
});

it("buries a job that always fails, and lets no other wait for it", async () => {
  await enqueue(300);
  const failures: number[] = [];
  let open = 299;
  const work = (worker: Sql) => async (job: Job) => {
    if (job.message.n !== 1) {
      open -= 1;
      return true;
    }
    failures.push(open);
    await worker`select public.fail_job('crowd', ${job.job_id}, ${job.attempt}, 'poison')`;
    return false;
  };
  const done: number[][] = [];
  await until(async () => {
    done.push(...(await Promise.all(workers.map((worker) => workOff(worker, work(worker))))));
    return (await sql`select from public.dead_jobs where queue = 'crowd'`).length === 1;
  }, "the death of the job");
  expect(sorted(done)).toEqual(numbers(300).slice(1));
  expect(failures).toHaveLength(3);
  const dead = await sql`select message, attempts, error from public.dead_jobs where queue = 'crowd'`;
  expect([...dead]).toEqual([{ message: { n: 1 }, attempts: 3, error: "poison" }]);
  expect(await sql`select from pgmq.q_crowd`).toHaveLength(0);
});

it("gives the job that has been due longest, and reads as little of a queue of 100,000 as of a short one", async () => {
  const [worker] = workers as [Sql];
  const pages = async () => {
    await pagesRead(worker, "select * from public.take_jobs('crowd', 10)");
    return pagesRead(worker, "select * from public.take_jobs('crowd', 10)");
  };
  await enqueue(30);
  const ofShort = await pages();

  // nearly all are delayed, and came before those that are due
  await sql`truncate pgmq.q_crowd restart identity`;
  await sql`insert into pgmq.q_crowd (vt, message)
    select now() + interval '1 day', jsonb_build_object('n', n) from generate_series(1, 100000) n`;
  await sql`analyze pgmq.q_crowd`;
  await enqueue(30);
  expect(await pages()).toBeLessThan(ofShort + 100);
  const last = await take(worker);
  expect(last.map(({ message }) => message.n)).toEqual(numbers(30).slice(20));
  await pagesRead(worker, "select private.wake_workers()");
  expect(await pagesRead(worker, "select private.wake_workers()")).toBeLessThan(200);

  // all are due
  await sql`update pgmq.q_crowd set vt = now() - interval '1 minute'`;
  await sql`vacuum analyze pgmq.q_crowd`;
  expect(await pages()).toBeLessThan(ofShort + 100);
});
