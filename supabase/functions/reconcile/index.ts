// reconcile: the database calls it every day; an operator of the project can call it with the service key.

import { createClock } from "../_shared/clock.ts";
import { environment, required, serviceKeys } from "../_shared/environment.ts";
import { createLog } from "../_shared/log.ts";
import { createInternal } from "../_shared/runs.ts";
import { createStripe } from "../_shared/stripe.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createServices } from "./services.ts";

const supabase = createServiceClient();
const project = { url: required(environment, "SUPABASE_URL"), serviceKey: serviceKeys(environment)[0] };

Deno.serve(
  createHandler({
    internal: createInternal(supabase, "reconcile"),
    ...createServices(supabase, createStripe(), project),
    now: createClock(environment("STAYBASE_CLOCK_FILE")),
    log: createLog("reconcile"),
  }),
);
