// Workers: each takes jobs from a queue in the database, performs them, and reports success or failure.

import { describeError } from "./describe-error.ts";
import { createInternalFunction, type InternalOptions } from "./internal.ts";
import { within } from "./timeout.ts";
import { forRequest } from "./trace.ts";

/** A job as `take_jobs` returns it. `attempt` is the fencing token: only the latest attempt can finish the job. */
export interface Job {
  job_id: number;
  attempt: number;
  message: unknown;
  /** The request that queued it; null when the clock did. */
  request_id?: string | null;
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

export interface WorkerOptions
  extends Pick<InternalOptions<object>, "internal" | "log" | "budget" | "now" | "waitUntil"> {
  queue: Queue;
  /** Performs one job. After a crash the job runs again, so it must be idempotent. */
  work(job: Job): Promise<void>;
  /** How many jobs of a batch run at the same time. */
  concurrency?: number;
  /** Milliseconds after which a running job counts as failed. A batch must end before its lease expires. */
  patience?: number;
}

/** Works until the queue is empty, and answers the numbers of finished and failed jobs. */
export function createWorker(options: WorkerOptions): (request: Request) => Promise<Response> {
  const { queue, work, log, concurrency = 1, patience = 25_000 } = options;

  async function perform(job: Job): Promise<boolean> {
    try {
      await within(patience, work(job));
      if (await queue.finish(job)) log(`job ${job.job_id}: done`, "info");
      else log(`job ${job.job_id}: taken by another worker meanwhile`);
      return true;
    } catch (error) {
      const reason = describeError(error);
      log(`job ${job.job_id}: ${reason}`);
      await queue.fail(job, reason, error instanceof PermanentError).catch(() => {});
      return false;
    }
  }

  return createInternalFunction({
    ...options,
    async work(run) {
      const count = { done: 0, failed: 0 };
      do {
        for (
          let jobs = await queue.take();
          jobs.length > 0;
          jobs = run.mayContinue() ? await queue.take() : []
        ) {
          const waiting = [...jobs];
          const lanes = Array.from({ length: concurrency }, async () => {
            for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
              count[(await forRequest(job.request_id, () => perform(job))) ? "done" : "failed"] += 1;
            }
          });
          await Promise.all(lanes);
        }
      } while (await run.again());
      return count;
    },
  });
}
