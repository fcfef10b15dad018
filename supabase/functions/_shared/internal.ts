// Internal functions: they take the service key alone, and each has a number of runs at the same time, none more often than its interval,
// whichever process a call reaches. The database decides that; runs.ts asks it.

import { serviceOnly } from "./authenticate.ts";
import { describeError, positionOf } from "./describe-error.ts";
import { apiError, type ErrorCode } from "./errors.ts";
import type { Log } from "./log.ts";
import { serve } from "./serve.ts";

/** The runs of one function in the database. */
export interface Runs {
  /** Without a lease: all runs are going on (0 ms), or the next one is due after `wait_ms`. */
  begin(): Promise<{ lease: string | null; wait_ms: number }>;
  /** Renews the lease; false when another run has taken its place since. */
  keep(lease: string): Promise<boolean>;
  /** Ends the run, or returns the milliseconds after which it works again, because it was called meanwhile and `repeat` allows it. */
  end(lease: string, repeat: boolean): Promise<number | null>;
}

/** What every internal function needs; `createInternal` in runs.ts makes it. */
export interface Internal {
  /** The service keys of the project. */
  keys: string[];
  runs: Runs;
}

/** The run that a function works in. */
export interface Run {
  /** False once the run's time is over or another run has taken its place: then it takes no further work. */
  mayContinue(): boolean;
  /** Ends the run; true when it was called meanwhile and has to work again. */
  again(): Promise<boolean>;
}

export interface InternalOptions<Result extends object> {
  internal: Internal;
  work(run: Run): Promise<Result>;
  /** The code of the response to an unexpected error. */
  unexpected?: ErrorCode;
  log: Log;
  /** Milliseconds after which a run takes no further work, to end before the platform's time limit. */
  budget?: number;
  now?: () => number;
  /** Keeps the function alive for work after the response; by default the platform's `waitUntil`. */
  waitUntil?: (work: Promise<unknown>) => void;
}

declare global {
  var EdgeRuntime: { waitUntil(work: Promise<unknown>): void } | undefined;
}

/** Milliseconds between two renewals of a lease, which holds for 30 seconds. */
const heartbeat = 10_000;

/**
 * Answers a call with the result of the work. It answers 202 at once when the caller sends `Prefer: respond-async` (RFC 7240), or
 * when no further run may begin, and 429 when the next run is not due.
 */
export function createInternalFunction<Result extends object>(
  options: InternalOptions<Result>,
): (request: Request) => Promise<Response> {
  const { internal, work, log, budget = 60_000, now = Date.now } = options;
  const { keys, runs } = internal;
  const waitUntil = options.waitUntil ?? globalThis.EdgeRuntime?.waitUntil.bind(globalThis.EdgeRuntime);

  async function perform(lease: string, wait: number): Promise<Result> {
    let isMine = true;
    let isOpen = true;
    const renewal = setInterval(async () => {
      isMine &&= await runs.keep(lease).catch(() => true);
    }, heartbeat);
    try {
      await pause(wait);
      const until = now() + budget;
      const mayContinue = () => isMine && now() < until;
      return await work({
        mayContinue,
        async again() {
          const next = await runs.end(lease, mayContinue());
          isOpen = next !== null;
          await pause(next ?? 0);
          return isOpen;
        },
      });
    } finally {
      clearInterval(renewal);
      // when the database cannot be reached, the lease runs out
      if (isOpen) await runs.end(lease, false).catch(() => {});
    }
  }

  return serve({
    authenticate: serviceOnly(keys),
    ...(options.unexpected && { unexpected: options.unexpected }),
    log,
    async handle(request) {
      const { lease, wait_ms } = await runs.begin();
      if (lease === null) {
        if (wait_ms === 0) return busy();
        throw apiError("called_too_early", {}, { "retry-after": String(Math.ceil(wait_ms / 1000)) });
      }
      const performed = perform(lease, wait_ms);
      if (waitUntil === undefined || request.headers.get("prefer") !== "respond-async") {
        return Response.json(await performed);
      }
      waitUntil(
        performed.catch((error) => log(`unexpected error: ${describeError(error)} (${positionOf(error)})`)),
      );
      return busy();
    },
  });
}

function pause(milliseconds: number): Promise<void> | undefined {
  return milliseconds > 0 ? new Promise((resolve) => setTimeout(resolve, milliseconds)) : undefined;
}

function busy(): Response {
  return Response.json({ busy: true }, { status: 202 });
}
