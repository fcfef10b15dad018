// The contract of every worker that createWorker makes.

import { z } from "zod";
import { type Contract, contractErrors } from "./contract.ts";

export function workerContract(summary: string, queue: string): Contract {
  return {
    summary,
    description: `Processes the queue \`${queue}\` until it is empty. The database calls it with the service key; an additional call does no harm.`,
    caller: "worker",
    answers: {
      200: {
        description: "The number of finished jobs, and the number of failed jobs, which are retried later.",
        schema: z
          .object({ done: z.int().min(0), failed: z.int().min(0) })
          .meta({ examples: [{ done: 3, failed: 0 }] }),
      },
      202: {
        description:
          "Its runs are going on and will check the queue again, or the caller sent `Prefer: respond-async`.",
        schema: z.object({ busy: z.literal(true) }),
      },
    },
    errors: contractErrors("service_key_required", "method_not_allowed", "internal_error"),
  };
}
