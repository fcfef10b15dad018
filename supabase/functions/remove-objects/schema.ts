// Messages and answers of remove-objects.

import { z } from "zod";
import { workerContract } from "../_shared/worker-contract.ts";

/** The message of a job. */
export const messageSchema = z.object({ bucket: z.string(), path: z.string() });

export const contract = workerContract("Remove objects whose owner or row was deleted", "object_removals");
