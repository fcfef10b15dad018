// What every worker does: take jobs, do them, end or fail them. A queue is work in the database: see
// supabase/migrations/20261124000100_extend_jobs.sql.

/** A job as take_jobs returns it; `attempt` is the fencing token that ends it. */
export interface Job {
  job_id: number;
  attempt: number;
  message: unknown;
}

/** A queue as a worker sees it; queue.ts gives the real ones. */
export interface Queue {
  take(): Promise<Job[]>;
  /** False when another worker has taken the job since. */
  finish(job: Job): Promise<boolean>;
  /** @param final it can never be done: no further attempt */
  fail(job: Job, error: string, final: boolean): Promise<void>;
}

/** Thrown for a job that no further attempt can do. */
export class HopelessError extends Error {}

export interface WorkerOptions {
  queue: Queue;
  /** Does one job. It may be done again after a crash, so doing it twice must have the effect of once. */
  work(job: Job): Promise<void>;
  log(message: string): void;
  /** Jobs of a batch that are done at the same time. */
  concurrency?: number;
  /** Milliseconds after which no further batch is taken, so that the platform's limit meets no job; what is left is taken at the next call. */
  budget?: number;
  /** Milliseconds after which a job that has not ended counts as failed, so that one that hangs holds up no other: a batch must end within its lease. */
  patience?: number;
  now?: () => number;
  /** Keeps the function alive for work that goes on after the answer; the platform's when not given. */
  waitUntil?: (work: Promise<unknown>) => void;
}

declare global {
  var EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;
}

/**
 * Answers a call with how many jobs were done and how many failed, once the queue is empty; with 202 at once when it asks for that
 * (`Prefer: respond-async`, RFC 7240), as the database does, which sends no other request while it waits for an answer. Calls that
 * come meanwhile are answered with 202 too: the one that works looks again before it ends.
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
      const message = error instanceof Error ? error.message : "failed";
      log(`job ${job.job_id}: ${message}`);
      await queue.fail(job, message, error instanceof HopelessError).catch(() => {});
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

  return async (request) => {
    if (request.method !== "POST") {
      return Response.json({ code: "method_not_allowed", message: "Use POST." }, { status: 405 });
    }
    if (running) {
      calledAgain = true;
      return Response.json({ busy: true }, { status: 202 });
    }
    running = true;
    const drained = drain().finally(() => {
      running = false;
    });
    if (waitUntil !== undefined && request.headers.get("prefer") === "respond-async") {
      waitUntil(
        drained.catch((error) => log(`worker: ${error instanceof Error ? error.message : "failed"}`)),
      );
      return Response.json({ busy: true }, { status: 202 });
    }
    return Response.json(await drained);
  };
}

/** @throws when the work has not ended after so many milliseconds */
export function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
