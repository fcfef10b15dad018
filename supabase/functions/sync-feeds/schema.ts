// The contract of sync-feeds.

import { z } from "zod";
import { type Contract, contractErrors } from "../_shared/contract.ts";

export const contract: Contract = {
  summary: "Read the calendars of other channels",
  description:
    "Reads every calendar feed that is due. The database calls it with the service key; an additional call does no harm.",
  caller: "worker",
  answers: {
    200: {
      description: "The number of feeds that were read, and of those that could not be read.",
      schema: z
        .object({ read: z.int().min(0), failed: z.int().min(0) })
        .meta({ examples: [{ read: 12, failed: 1 }] }),
    },
    202: {
      description: "Its runs are going on and will look again, or the caller sent `Prefer: respond-async`.",
      schema: z.object({ busy: z.literal(true) }),
    },
  },
  errors: contractErrors("service_key_required", "method_not_allowed", "internal_error"),
};
