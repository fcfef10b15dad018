// Compares the ledger with Stripe's balance transactions. Before that, it fetches the events of the last days that never arrived
// and stores them.

import { createInternalFunction, type Internal } from "../_shared/internal.ts";
import type { Log } from "../_shared/log.ts";

/** A balance transaction of Stripe. */
export interface Line {
  id: string;
  net: number;
  currency: string;
  source: string | null;
  type: string;
}

/** What the handler needs; services.ts implements it. */
export interface Dependencies {
  internal: Internal;
  /** Stores the events that Stripe created since then (in seconds), and returns how many were new. */
  recoverEvents(since: number): Promise<number>;
  /** Runs money-worker, so that the comparison does not report tasks that are only waiting. */
  work(): Promise<void>;
  lines(since: number): Promise<Line[]>;
  compare(lines: Line[], since: number): Promise<object>;
  /** Milliseconds since 1970. */
  now(): number;
  log: Log;
}

const recoverySeconds = 3 * 86_400;
const comparisonSeconds = 35 * 86_400;

/** Answers the number of recovered events, of compared lines, and of differences. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { internal, recoverEvents, work, lines, compare, log } = dependencies;
  return createInternalFunction({
    internal,
    unexpected: "reconciliation_failed",
    log,
    async work() {
      const now = Math.floor(dependencies.now() / 1000);
      const recovered = await recoverEvents(now - recoverySeconds);
      await work();
      const since = now - comparisonSeconds;
      return { recovered, ...(await compare(await lines(since), since)) };
    },
  });
}
