// What remove-objects reads and answers.

import { z } from "npm:zod@4.6.7";
import { workerContract } from "../_shared/worker-contract.ts";

/** A job of the queue. */
export const messageSchema = z.object({ bucket: z.string(), path: z.string() });

export const contract = workerContract("Remove objects whose owner or row is gone", "object_removals");
