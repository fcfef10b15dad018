// Payments: a guest's app calls this to pay for a booking.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import type { Database } from "../../../types/database.ts";
import { refusalOf } from "../_shared/http.ts";
import { createIntent } from "../_shared/payment-intent.ts";
import { createStripe, declineOf, emulatorKey } from "../_shared/stripe.ts";
import { begunSchema, createHandler } from "./handler.ts";

const supabase = createClient<Database>(
  Deno.env.get("SUPABASE_URL") ?? "",
  Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "",
  { auth: { persistSession: false } },
);
const stripe = createStripe((name) => Deno.env.get(name));
const emulatorUrl =
  Deno.env.get("STRIPE_SECRET_KEY") === emulatorKey ? Deno.env.get("STRIPE_EMULATOR_URL") : undefined;

Deno.serve(
  createHandler({
    async userOf(authorization) {
      const { data } = await supabase.auth.getUser(authorization.replace(/^Bearer /, ""));
      return data.user?.id;
    },
    async beginPayment(actor, bookingId, paymentMethodId) {
      const { data, error, status } = await supabase.rpc("begin_payment", {
        p_actor: actor,
        p_booking_id: bookingId,
        ...(paymentMethodId === undefined ? {} : { p_payment_method_id: paymentMethodId }),
      });
      return error === null ? begunSchema.parse(data) : { refusal: refusalOf(error, status) };
    },
    async createCustomer(actor, email) {
      const customer = await stripe.customers.create(
        { metadata: { profile_id: actor }, ...(email === undefined ? {} : { email }) },
        { idempotencyKey: `customer:${actor}` },
      );
      const { data } = await supabase
        .rpc("save_customer", { p_actor: actor, p_customer_id: customer.id })
        .throwOnError();
      return data;
    },
    createIntent: (wish) => createIntent(stripe, wish),
    async retrieveIntent(id) {
      const intent = await stripe.paymentIntents.retrieve(id);
      // charging without the guest cannot promise to keep the card; now the guest is here
      return intent.status === "requires_payment_method" && intent.setup_future_usage === null
        ? stripe.paymentIntents.update(id, { setup_future_usage: "off_session" })
        : intent;
    },
    async confirmIntent(id, paymentMethod) {
      try {
        return await stripe.paymentIntents.confirm(id, { payment_method: paymentMethod });
      } catch (error) {
        const decline = declineOf(error);
        if (decline === undefined) throw error;
        return { decline };
      }
    },
    async attachIntent(paymentId, intentId) {
      await supabase
        .rpc("attach_payment", { p_payment_id: paymentId, p_payment_intent_id: intentId })
        .throwOnError();
    },
    publishableKey: Deno.env.get("STRIPE_PUBLISHABLE_KEY") ?? "",
    payPage: ({ id, client_secret }) =>
      emulatorUrl === undefined ? undefined : `${emulatorUrl}/pay/${id}?secret=${client_secret}`,
    log: console.error,
  }),
);
