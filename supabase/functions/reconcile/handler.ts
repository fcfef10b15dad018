// Compares the ledger with Stripe's balance transactions, and fetches events that never arrived: those of the last days are
// listed and kept like webhooks, once.

/** A line of Stripe's books. */
export interface Line {
  id: string;
  net: number;
  currency: string;
  source: string | null;
  type: string;
}

/** What the function needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  /** Keeps the events that Stripe has had since then (seconds); answers how many were new. */
  recoverEvents(since: number): Promise<number>;
  /** Works off what is due, so that lines are not missing that are only late. */
  work(): Promise<void>;
  lines(since: number): Promise<Line[]>;
  compare(lines: Line[], since: number): Promise<unknown>;
  /** Milliseconds since 1970. */
  now(): number;
  log(message: string): void;
}

const recoverySeconds = 3 * 86_400;
const comparisonSeconds = 35 * 86_400;

/** Answers what was compared and how many differences there are. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "POST") {
      return Response.json({ code: "method_not_allowed", message: "Use POST." }, { status: 405 });
    }
    try {
      const now = Math.floor(dependencies.now() / 1000);
      const recovered = await dependencies.recoverEvents(now - recoverySeconds);
      await dependencies.work();
      const since = now - comparisonSeconds;
      const result = await dependencies.compare(await dependencies.lines(since), since);
      return Response.json({ recovered, ...(result as object) });
    } catch (error) {
      dependencies.log(`reconcile: ${error instanceof Error ? error.message : "failed"}`);
      return Response.json(
        { code: "not_reconciled", message: "Stripe or the database does not answer as it should." },
        { status: 502 },
      );
    }
  };
}
