// money-worker: the database calls it after it added a task, and again for tasks that are left.

import { createLog } from "../_shared/log.ts";
import { createInternal } from "../_shared/runs.ts";
import { createStripe, declineOf, isFinal } from "../_shared/stripe.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createMadeBefore } from "./made-before.ts";
import { createTaskQueue } from "./queue.ts";
import { createServices } from "./services.ts";
import { createSyncs } from "./sync.ts";

const supabase = createServiceClient();
const stripe = createStripe();

Deno.serve(
  createHandler({
    internal: createInternal(supabase, "money-worker"),
    ...createTaskQueue(supabase),
    ...createServices(supabase, stripe),
    sync: createSyncs(supabase, stripe),
    madeBefore: createMadeBefore(stripe),
    isFinal,
    reasonOf: (error) => declineOf(error) ?? "The card could not be charged.",
    log: createLog("money-worker"),
  }),
);
