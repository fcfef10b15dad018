// Workers: each takes jobs from a queue in the database, performs them, and reports success or failure.

import { anyone } from "./authenticate.ts";
import { describeError } from "./describe-error.ts";
import { serve } from "./serve.ts";
import { within } from "./timeout.ts";

/** A job as `take_jobs` returns it. `attempt` is the fencing token: only the latest attempt can finish the job. */
export interface Job {
  job_id: number;
  attempt: number;
  message: unknown;
}

/** The queue of a worker; queue.ts implements it. */
export interface Queue {
  take(): Promise<Job[]>;
  /** False when another worker has taken the job in the meantime. */
  finish(job: Job): Promise<boolean>;
  /** @param isFinal whether the job must not be retried */
  fail(job: Job, error: string, isFinal: boolean): Promise<void>;
}

/** Thrown for a job that would fail on every further attempt. */
export class PermanentError extends Error {}

export interface WorkerOptions {
  queue: Queue;
  /** Performs one job. After a crash the job runs again, so it must be idempotent. */
  work(job: Job): Promise<void>;
  log(message: string): void;
  /** How many jobs of a batch run at the same time. */
  concurrency?: number;
  /** Milliseconds after which the worker takes no further batch, to end before the platform's time limit. */
  budget?: number;
  /** Milliseconds after which a running job counts as failed. A batch must end before its lease expires. */
  patience?: number;
  now?: () => number;
  /** Keeps the function alive for work after the response; by default the platform's `waitUntil`. */
  waitUntil?: (work: Promise<unknown>) => void;
}

declare global {
  var EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;
}

/**
 * Answers a call with the numbers of finished and failed jobs once the queue is empty. It answers 202 at once when the caller
 * sends `Prefer: respond-async` (RFC 7240), or when the worker is already running; it then checks the queue again before it ends.
 */
export function createWorker(options: WorkerOptions): (request: Request) => Promise<Response> {
  const { queue, work, log, concurrency = 1, budget = 60_000, patience = 25_000, now = Date.now } = options;
  const waitUntil = options.waitUntil ?? globalThis.EdgeRuntime?.waitUntil.bind(globalThis.EdgeRuntime);
  let running = false;
  let calledAgain = false;

  async function perform(job: Job): Promise<boolean> {
    try {
      await within(patience, work(job));
      if (!(await queue.finish(job))) log(`job ${job.job_id}: taken by another worker meanwhile`);
      return true;
    } catch (error) {
      const reason = describeError(error);
      log(`job ${job.job_id}: ${reason}`);
      await queue.fail(job, reason, error instanceof PermanentError).catch(() => {});
      return false;
    }
  }

  async function drain(): Promise<{ done: number; failed: number }> {
    const count = { done: 0, failed: 0 };
    const until = now() + budget;
    do {
      calledAgain = false;
      for (let jobs = await queue.take(); jobs.length > 0; jobs = now() < until ? await queue.take() : []) {
        const waiting = [...jobs];
        const lanes = Array.from({ length: concurrency }, async () => {
          for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
            count[(await perform(job)) ? "done" : "failed"] += 1;
          }
        });
        await Promise.all(lanes);
      }
    } while (calledAgain && now() < until);
    return count;
  }

  return serve({
    authenticate: anyone,
    log,
    async handle(request) {
      if (running) {
        calledAgain = true;
        return busy();
      }
      running = true;
      const drained = drain().finally(() => {
        running = false;
      });
      if (waitUntil === undefined || request.headers.get("prefer") !== "respond-async") {
        return Response.json(await drained);
      }
      waitUntil(drained.catch((error) => log(`worker: ${describeError(error)}`)));
      return busy();
    },
  });
}

function busy(): Response {
  return Response.json({ busy: true }, { status: 202 });
}
