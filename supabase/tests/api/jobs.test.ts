// Background jobs with two real workers: none is lost, and none is finished twice.

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { service } from "../support/clients.ts";
import { database } from "../support/database.ts";

const sql = database();
const workers = [service(), service()];

beforeAll(async () => {
  await sql.begin(async (tx) => {
    await tx`set local session authorization postgres`;
    await tx`select pgmq.create('test_jobs')`;
  });
  await sql`insert into private.job_queues (queue, worker, lease_seconds, max_attempts, first_pause)
    values ('test_jobs', 'no-such-worker', 60, 3, '1 second')`;
});
beforeEach(async () => void (await sql`delete from pgmq.q_test_jobs`));
afterAll(async () => {
  await sql`delete from private.job_queues where queue = 'test_jobs'`;
  await sql`select pgmq.drop_queue('test_jobs')`;
  await sql.end();
});

async function enqueue(count: number): Promise<void> {
  await sql`select pgmq.send('test_jobs', jsonb_build_object('n', n)) from generate_series(1, ${count}::integer) n`;
}
async function take(worker: (typeof workers)[number], limit = 10) {
  const { data } = await worker.rpc("take_jobs", { p_queue: "test_jobs", p_limit: limit }).throwOnError();
  return z
    .array(z.object({ job_id: z.number(), attempt: z.number(), message: z.object({ n: z.number() }) }))
    .parse(data);
}
async function finish(worker: (typeof workers)[number], job: { job_id: number; attempt: number }) {
  const { data } = await worker
    .rpc("finish_job", { p_queue: "test_jobs", p_job_id: job.job_id, p_attempt: job.attempt })
    .throwOnError();
  return data;
}
const endLeases = () => sql`update pgmq.q_test_jobs set vt = now() - interval '1 second'`;

it("each of 200 jobs is given once, to one of two workers", async () => {
  await enqueue(200);
  const done: number[] = [];
  await Promise.all(
    workers.map(async (worker) => {
      for (let jobs = await take(worker); jobs.length > 0; jobs = await take(worker)) {
        for (const job of jobs) if (await finish(worker, job)) done.push(job.message.n);
      }
    }),
  );
  expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
});

it("the jobs of a worker that died go to another worker, and the first can no longer finish them", async () => {
  const [first, second] = workers as [(typeof workers)[number], (typeof workers)[number]];
  await enqueue(3);
  const held = await take(first);
  expect(held).toHaveLength(3);
  expect(await take(second)).toEqual([]);
  await endLeases();
  const again = await take(second);
  expect(again.map((job) => job.attempt)).toEqual([2, 2, 2]);
  for (const job of held) expect(await finish(first, job)).toBe(false);
  for (const job of again) expect(await finish(second, job)).toBe(true);
  expect(await sql`select from pgmq.q_test_jobs`).toHaveLength(0);
});

it("a job that always fails is given up after three attempts, and the others are done", async () => {
  const [worker] = workers as [(typeof workers)[number]];
  await enqueue(5);
  const done = new Set<number>();
  for (let round = 0; round < 4; round += 1) {
    for (const job of await take(worker)) {
      if (job.message.n !== 3) {
        await finish(worker, job);
        done.add(job.message.n);
      } else {
        const failure = {
          p_queue: "test_jobs",
          p_job_id: job.job_id,
          p_attempt: job.attempt,
          p_error: "poison",
        };
        await worker.rpc("fail_job", failure).throwOnError();
      }
    }
    await endLeases();
  }
  expect([...done]).toEqual([1, 2, 4, 5]);
  const { data } = await worker.from("dead_jobs").select("message, attempts, error").eq("queue", "test_jobs");
  expect(data).toEqual([{ message: { n: 3 }, attempts: 3, error: "poison" }]);
});

it("a job disappears when the transaction that queued it is rolled back", async () => {
  const queued = sql.begin(async (tx) => {
    await tx`select private.enqueue_job_at('test_jobs', '{"n": 1}')`;
    throw new Error("rolled back");
  });
  await expect(queued).rejects.toThrow("rolled back");
  expect(await sql`select from pgmq.q_test_jobs`).toHaveLength(0);
});
