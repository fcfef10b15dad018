// The calls of payments to Stripe and to the database.

import type Stripe from "stripe";
import { databaseError } from "../_shared/errors.ts";
import { createPaymentIntent } from "../_shared/payment-intent.ts";
import { declineOf, refusalOf } from "../_shared/stripe.ts";
import { createUserOf, type ServiceClient } from "../_shared/supabase.ts";
import { begunPaymentSchema, type Dependencies } from "./handler.ts";

type Services = Omit<Dependencies, "log" | "publishableKey" | "payPage">;

export function createServices(supabase: ServiceClient, stripe: Stripe): Services {
  return {
    userOf: createUserOf(supabase),
    async beginPayment(actor, bookingId, paymentMethodId) {
      const { data, error, status } = await supabase.rpc("begin_payment", {
        p_actor: actor,
        p_booking_id: bookingId,
        ...(paymentMethodId === undefined ? {} : { p_payment_method_id: paymentMethodId }),
      });
      if (error !== null) throw databaseError(error, status);
      return begunPaymentSchema.parse(data);
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
    createIntent: (request) => createPaymentIntent(stripe, request),
    async retrieveIntent(id) {
      const intent = await stripe.paymentIntents.retrieve(id);
      // money-worker clears setup_future_usage; the guest is present again, so the card can be saved.
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
    async refusePayment(paymentId, reason) {
      await supabase.rpc("refuse_payment", { p_payment_id: paymentId, p_error: reason }).throwOnError();
    },
    refusalOf,
    async attachIntent(paymentId, intentId) {
      await supabase
        .rpc("attach_payment", { p_payment_id: paymentId, p_payment_intent_id: intentId })
        .throwOnError();
    },
  };
}
