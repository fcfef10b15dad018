// Finds at Stripe what a task has made before. Stripe forgets idempotency keys after a day, and the database may have been restored to an
// earlier time, so an old task looks for its object before it makes one.

import type Stripe from "stripe";
import type { MadeBefore } from "./handler.ts";

export function createMadeBefore(stripe: Stripe): MadeBefore {
  return {
    async intent({ payment_id, customer }) {
      for await (const { id, status, metadata } of stripe.paymentIntents.list({ customer, limit: 100 })) {
        if (metadata.payment_id === payment_id) return { id, status };
      }
      return undefined;
    },
    async refund({ refund_id, payment_intent }) {
      for await (const { id, metadata } of stripe.refunds.list({ payment_intent, limit: 100 })) {
        if (metadata?.refund_id === refund_id) return id;
      }
      return undefined;
    },
    async transfer(payoutId, bookingId) {
      for await (const { id, metadata } of stripe.transfers.list({ transfer_group: bookingId, limit: 100 })) {
        if (metadata.payout_id === payoutId) return id;
      }
      return undefined;
    },
    async hasReversal(reversalId, transfer) {
      for await (const { metadata } of stripe.transfers.listReversals(transfer, { limit: 100 })) {
        if (metadata?.reversal_id === reversalId) return true;
      }
      return false;
    },
  };
}
