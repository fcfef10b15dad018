// reconcile: the database calls it every day; an operator can call it at any time.

import { environment, required } from "../_shared/environment.ts";
import { createStripe } from "../_shared/stripe.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createServices } from "./services.ts";

Deno.serve(
  createHandler({
    ...createServices(createServiceClient(), createStripe(), required(environment, "SUPABASE_URL")),
    now: Date.now,
    log: console.error,
  }),
);
