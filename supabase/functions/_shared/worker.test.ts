import assert from "node:assert/strict";
import { internalOf, serviceCall } from "./internal-fixture.ts";
import { createWorker, type Job, type Queue } from "./worker.ts";

const internal = internalOf();
const jobs = (count: number): Job[] =>
  Array.from({ length: count }, (_, index) => ({ job_id: index + 1, attempt: 1, message: {} }));

function queueOf(waiting: Job[], batch = 2): Queue & { finished: number[]; failed: string[] } {
  const finished: number[] = [];
  const failed: string[] = [];
  return {
    finished,
    failed,
    take: async () => waiting.splice(0, batch),
    finish: async (job) => finished.push(job.job_id) > 0,
    fail: async (job, error) => void failed.push(`${job.job_id}: ${error}`),
  };
}

Deno.test("works until the queue is empty", async () => {
  const queue = queueOf(jobs(5));
  const worker = createWorker({ internal, queue, work: async () => {}, log: () => {} });
  assert.deepEqual(await (await worker(serviceCall())).json(), { done: 5, failed: 0 });
  assert.deepEqual(queue.finished, [1, 2, 3, 4, 5]);
});

Deno.test("checks the queue again when it was called during the run", async () => {
  const waiting = jobs(1);
  const queue = queueOf(waiting);
  let called = true;
  const end = async () => {
    if (!called) return null;
    called = false;
    waiting.push({ job_id: 9, attempt: 1, message: {} });
    return 1;
  };
  const worker = createWorker({ internal: internalOf({ end }), queue, work: async () => {}, log: () => {} });
  assert.deepEqual(await (await worker(serviceCall())).json(), { done: 2, failed: 0 });
  assert.deepEqual(queue.finished, [1, 9]);
});

Deno.test("runs at most `concurrency` jobs at the same time", async () => {
  let now = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now -= 1;
  };
  await createWorker({ internal, queue: queueOf(jobs(10), 10), work, log: () => {}, concurrency: 3 })(
    serviceCall(),
  );
  assert.equal(most, 3);
});

Deno.test("takes no further batch after its time budget", async () => {
  let time = 0;
  const work = async () => {
    time += 10;
  };
  const queue = queueOf(jobs(9), 1);
  await createWorker({ internal, queue, work, log: () => {}, budget: 25, now: () => time })(serviceCall());
  assert.deepEqual(queue.finished, [1, 2, 3]);
});

Deno.test("logs a job that another worker took in the meantime", async () => {
  const logged: string[] = [];
  const queue = { ...queueOf(jobs(1)), finish: async () => false };
  await createWorker({
    internal,
    queue,
    work: async () => {},
    log: (message, level) => void (level === "info" || logged.push(message)),
  })(serviceCall());
  assert.deepEqual(logged, ["job 1: taken by another worker meanwhile"]);
});

Deno.test("fails a job that hangs, and runs the others", async () => {
  const queue = queueOf(jobs(3), 3);
  const work = (job: Job) => (job.job_id === 2 ? new Promise<void>(() => {}) : Promise.resolve());
  const worker = createWorker({ internal, queue, work, log: () => {}, patience: 20 });
  assert.deepEqual(await (await worker(serviceCall())).json(), { done: 2, failed: 1 });
  assert.deepEqual([queue.finished, queue.failed], [[1, 3], ["2: took too long"]]);
});

Deno.test("logs a queue that cannot be reached, and recovers at the next call", async () => {
  const logged: string[] = [];
  const waited: Promise<unknown>[] = [];
  const queue = queueOf(jobs(1));
  let reachable = false;
  const take = () => (reachable ? queue.take() : Promise.reject(new Error("no answer")));
  const worker = createWorker({
    internal,
    queue: { ...queue, take },
    work: async () => {},
    log: (message, level) => void (level === "info" || logged.push(message)),
    waitUntil: (work) => void waited.push(work),
  });
  await worker(serviceCall({ prefer: "respond-async" }));
  await Promise.all(waited);
  assert.match(logged.join(), /^unexpected error: no answer \(_shared\/worker\.test\.ts:/);
  reachable = true;
  assert.deepEqual(await (await worker(serviceCall())).json(), { done: 1, failed: 0 });
});
