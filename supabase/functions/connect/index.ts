// connect: a host's app calls it to set up payouts.

import { createLog } from "../_shared/log.ts";
import { createStripe } from "../_shared/stripe.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createServices } from "./services.ts";

Deno.serve(
  createHandler({ ...createServices(createServiceClient(), createStripe()), log: createLog("connect") }),
);
