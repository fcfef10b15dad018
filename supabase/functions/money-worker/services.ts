// Changes at Stripe, and the calls to the database that prepare them or record their failure.

import type Stripe from "stripe";
import { createPaymentIntent } from "../_shared/payment-intent.ts";
import { idOf } from "../_shared/stripe.ts";
import type { Json, ServiceClient } from "../_shared/supabase.ts";
import type { MoneyServices } from "./handler.ts";
import { reversalRequestSchema, transferRequestSchema } from "./tasks.ts";

export function createServices(supabase: ServiceClient, stripe: Stripe): MoneyServices {
  return {
    async createIntent({ payment_id, booking_id, metadata, amount, currency, customer, description }) {
      const { id } = await createPaymentIntent(stripe, {
        paymentId: payment_id,
        bookingId: booking_id,
        metadata,
        amount,
        currency,
        isManual: false,
        customer,
        description,
      });
      await supabase
        .rpc("attach_payment", { p_payment_id: payment_id, p_payment_intent_id: id })
        .throwOnError();
      return id;
    },
    async charge(intent, paymentMethod, key) {
      // Stripe saves no card without the customer: https://docs.stripe.com/payments/save-during-payment
      await stripe.paymentIntents.update(intent, { setup_future_usage: "" });
      await stripe.paymentIntents.confirm(
        intent,
        { payment_method: paymentMethod, off_session: true },
        { idempotencyKey: key },
      );
    },
    async failCharge(paymentId, error) {
      await supabase.rpc("fail_charge", { p_payment_id: paymentId, p_error: error }).throwOnError();
    },
    async detach(paymentMethod) {
      await stripe.paymentMethods.detach(paymentMethod);
    },
    async deleteCustomer(customer) {
      await stripe.customers.del(customer);
    },
    async capture(id) {
      await stripe.paymentIntents.capture(id, {}, { idempotencyKey: `capture:${id}` });
    },
    async cancel(id) {
      await stripe.paymentIntents.cancel(id, {}, { idempotencyKey: `cancel:${id}` });
    },
    async createRefund({ refund_id, payment_intent, amount, metadata }) {
      const refund = await stripe.refunds.create(
        { payment_intent, amount, metadata },
        { idempotencyKey: `refund:${refund_id}` },
      );
      return refund.id;
    },
    async failRefund(refundId, error) {
      await supabase.rpc("fail_refund", { p_refund_id: refundId, p_error: error }).throwOnError();
    },
    async beginTransfer(payoutId) {
      const { data } = await supabase.rpc("begin_transfer", { p_payout_id: payoutId }).throwOnError();
      return transferRequestSchema.parse(data);
    },
    async createTransfer(payoutId, { amount, currency = "", destination, booking_id = "", metadata = {} }) {
      const transfer = await stripe.transfers.create(
        {
          amount,
          currency: currency.toLowerCase(),
          destination: destination ?? "",
          transfer_group: booking_id,
          metadata,
        },
        { idempotencyKey: `transfer:${payoutId}` },
      );
      return transfer.id;
    },
    async failTransfer(payoutId, error) {
      await supabase.rpc("fail_transfer", { p_payout_id: payoutId, p_error: error }).throwOnError();
    },
    async beginReversal(reversalId) {
      const { data } = await supabase.rpc("begin_reversal", { p_reversal_id: reversalId }).throwOnError();
      return reversalRequestSchema.parse(data);
    },
    async createReversal(reversalId, transfer, amount, requestId) {
      await stripe.transfers.createReversal(
        transfer,
        {
          amount,
          metadata: { reversal_id: reversalId, ...(requestId == null ? {} : { request_id: requestId }) },
        },
        { idempotencyKey: `reversal:${reversalId}` },
      );
    },
    async paymentOfRefund(refund) {
      return idOf((await stripe.refunds.retrieve(refund)).payment_intent);
    },
    async listPage({ list, cursor, since }) {
      const page = {
        limit: 100,
        ...(cursor === null ? {} : { starting_after: cursor }),
        ...(since === null ? {} : { created: { gte: since } }),
      };
      switch (list) {
        case "payment_intents": {
          const { data, has_more } = await stripe.paymentIntents.list(page);
          return {
            objects: data.map(({ id, status, metadata }) => ({ id, status, metadata })),
            hasMore: has_more,
          };
        }
        case "refunds": {
          const { data, has_more } = await stripe.refunds.list(page);
          return {
            objects: data.map(({ id, status, metadata, payment_intent }) => ({
              id,
              status,
              metadata,
              payment_intent: idOf(payment_intent),
            })),
            hasMore: has_more,
          };
        }
        case "transfers": {
          const { data, has_more } = await stripe.transfers.list(page);
          return {
            objects: data.map(({ id, metadata, reversals }) => ({
              id,
              metadata,
              reversals: reversals.data.map((reversal) => reversal.id),
            })),
            hasMore: has_more,
          };
        }
      }
    },
    async savePage({ sweep_id, page }, { objects, hasMore }) {
      const { data } = await supabase
        .rpc("save_orphan_page", {
          p_sweep_id: sweep_id,
          p_page: page,
          p_objects: objects as Json,
          p_has_more: hasMore,
        })
        .throwOnError();
      return data;
    },
    async returnOrphan({ kind, stripe_id, is_charged, amount, metadata, idempotency_key: idempotencyKey }) {
      if (kind === "transfer") {
        await stripe.transfers.createReversal(stripe_id, { amount, metadata }, { idempotencyKey });
      } else if (is_charged) {
        await stripe.refunds.create({ payment_intent: stripe_id, amount, metadata }, { idempotencyKey });
      } else {
        await stripe.paymentIntents.cancel(stripe_id, {}, { idempotencyKey });
      }
    },
    async failOrphan(orphanId, error) {
      await supabase.rpc("fail_orphan", { p_orphan_id: orphanId, p_error: error }).throwOnError();
    },
    async failReversal(reversalId) {
      await supabase.rpc("fail_reversal", { p_reversal_id: reversalId }).throwOnError();
    },
  };
}
