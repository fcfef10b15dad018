// Changes at Stripe, and the calls to the database that prepare them or record their failure.

import type Stripe from "stripe";
import { createPaymentIntent } from "../_shared/payment-intent.ts";
import type { ServiceClient } from "../_shared/supabase.ts";
import type { MoneyServices } from "./handler.ts";
import { reversalRequestSchema, transferRequestSchema } from "./tasks.ts";

export function createServices(supabase: ServiceClient, stripe: Stripe): MoneyServices {
  return {
    async createIntent({ payment_id, booking_id, amount, currency, customer, description }) {
      const { id } = await createPaymentIntent(stripe, {
        paymentId: payment_id,
        bookingId: booking_id,
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
    async createRefund({ refund_id, payment_intent, amount, booking_id }) {
      const refund = await stripe.refunds.create(
        { payment_intent, amount, metadata: { refund_id, booking_id } },
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
    async createTransfer(payoutId, { amount, currency = "", destination, booking_id = "" }) {
      const transfer = await stripe.transfers.create(
        {
          amount,
          currency: currency.toLowerCase(),
          destination: destination ?? "",
          transfer_group: booking_id,
          metadata: { payout_id: payoutId, booking_id },
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
    async createReversal(reversalId, transfer, amount) {
      await stripe.transfers.createReversal(
        transfer,
        { amount, metadata: { reversal_id: reversalId } },
        { idempotencyKey: `reversal:${reversalId}` },
      );
    },
    async failReversal(reversalId) {
      await supabase.rpc("fail_reversal", { p_reversal_id: reversalId }).throwOnError();
    },
  };
}
