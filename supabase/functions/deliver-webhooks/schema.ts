// Messages and answers of deliver-webhooks.

import { z } from "zod";
import { workerContract } from "../_shared/worker-contract.ts";

/** The message of a job. */
export const messageSchema = z.object({ delivery_id: z.uuid() });

export const contract = workerContract("Deliver webhooks to integrators", "webhooks");
