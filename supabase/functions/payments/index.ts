// payments: a guest's app calls it to pay for a booking.

import { environment } from "../_shared/environment.ts";
import { createLog } from "../_shared/log.ts";
import { createStripe, emulatorUrl } from "../_shared/stripe.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createServices } from "./services.ts";

const emulator = emulatorUrl();

Deno.serve(
  createHandler({
    ...createServices(createServiceClient(), createStripe()),
    publishableKey: environment("STRIPE_PUBLISHABLE_KEY") ?? "",
    payPage: ({ id, client_secret }) =>
      emulator === undefined ? undefined : `${emulator}/pay/${id}?secret=${client_secret}`,
    log: createLog("payments"),
  }),
);
