// stripe-webhook: Stripe sends its events here. Enter its address as an endpoint in Stripe's dashboard, and set
// STRIPE_WEBHOOK_SECRET to the endpoint's secret.

import Stripe from "stripe";
import { tolerance } from "../_shared/authenticate.ts";
import { environment, required } from "../_shared/environment.ts";
import { createLog } from "../_shared/log.ts";
import { createStripe } from "../_shared/stripe.ts";
import { createServiceClient, type Json } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";

const supabase = createServiceClient();
const stripe = createStripe();
const secret = required(environment, "STRIPE_WEBHOOK_SECRET");
const cryptography = Stripe.createSubtleCryptoProvider();

Deno.serve(
  createHandler({
    verify: (body, signature) =>
      stripe.webhooks.constructEventAsync(body, signature, secret, tolerance, cryptography),
    async store(event) {
      const { data } = await supabase.rpc("store_stripe_event", { p_event: event as Json }).throwOnError();
      return data;
    },
    now: Date.now,
    log: createLog("stripe-webhook"),
  }),
);
