// What every worker promises; its schema.ts says which queue it works on.

import { z } from "npm:zod@4.6.7";
import type { Contract } from "./contract.ts";

/** The contract of a worker of worker.ts. */
export function workerContract(summary: string, queue: string): Contract {
  return {
    summary,
    description: `Works until the queue \`${queue}\` is empty. The database calls it; calling it twice does no harm.`,
    caller: "worker",
    answers: {
      200: {
        description: "How many jobs were done, and how many failed and will be taken again.",
        schema: z
          .object({ done: z.int().min(0), failed: z.int().min(0) })
          .meta({ examples: [{ done: 3, failed: 0 }] }),
      },
      202: {
        description:
          "It is at work already, and looks again before it ends; or the call asked for this answer by `Prefer: respond-async`.",
        schema: z.object({ busy: z.literal(true) }),
      },
    },
    errors: { 405: { code: "method_not_allowed", message: "Use POST." } },
  };
}
