// Stripe's events arrive here. Its address goes into the endpoint in Stripe's dashboard, its secret into STRIPE_WEBHOOK_SECRET.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import Stripe from "npm:stripe@23.1.0";
import type { Database, Json } from "../../../types/database.ts";
import { createStripe } from "../_shared/stripe.ts";
import { createHandler, tolerance } from "./handler.ts";

const supabase = createClient<Database>(
  Deno.env.get("SUPABASE_URL") ?? "",
  Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "",
  { auth: { persistSession: false } },
);
const stripe = createStripe((name) => Deno.env.get(name));
const secret = Deno.env.get("STRIPE_WEBHOOK_SECRET") ?? "";
if (secret === "") throw new Error("STRIPE_WEBHOOK_SECRET is not set: see supabase/functions/.env.example");
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
    log: console.error,
  }),
);
