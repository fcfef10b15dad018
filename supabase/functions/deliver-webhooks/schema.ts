// What deliver-webhooks reads and answers.

import { z } from "npm:zod@4.6.7";
import { workerContract } from "../_shared/worker-contract.ts";

/** A job of the queue. */
export const messageSchema = z.object({ delivery_id: z.uuid() });

export const contract = workerContract("Deliver webhooks to integrators", "webhooks");
