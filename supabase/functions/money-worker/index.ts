// Worker of private.stripe_tasks; the database calls it after a commit that asked for something, and every minute.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import { z } from "npm:zod@4.6.7";
import type { Database, Json } from "../../../types/database.ts";
import { createIntent } from "../_shared/payment-intent.ts";
import { accountState, createStripe, declineOf, describeError, isFinal } from "../_shared/stripe.ts";
import { createHandler, type Syncs, taskSchema } from "./handler.ts";
import { disputeState, intentState, refundState, transferState } from "./sync.ts";

const supabase = createClient<Database>(
  Deno.env.get("SUPABASE_URL") ?? "",
  Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "",
  { auth: { persistSession: false } },
);
const stripe = createStripe((name) => Deno.env.get(name));

const sync: Syncs = {
  async paymentIntent(id) {
    const intent = await stripe.paymentIntents.retrieve(id, {
      expand: ["latest_charge.balance_transaction"],
    });
    const { data } = await supabase
      .rpc("apply_payment_intent", { p_intent: intentState(intent) as Json })
      .throwOnError();
    return data;
  },
  async refund(id) {
    const refund = await stripe.refunds.retrieve(id, {
      expand: ["balance_transaction", "failure_balance_transaction"],
    });
    const { data } = await supabase
      .rpc("apply_refund", { p_refund: refundState(refund) as Json })
      .throwOnError();
    return data;
  },
  async transfer(id) {
    const transfer = await stripe.transfers.retrieve(id);
    const reversals = await stripe.transfers.listReversals(id, { limit: 100 });
    const { data } = await supabase
      .rpc("apply_transfer", { p_transfer: transferState(transfer, reversals.data) as Json })
      .throwOnError();
    return data;
  },
  async dispute(id) {
    const dispute = await stripe.disputes.retrieve(id);
    const { data } = await supabase
      .rpc("apply_dispute", { p_dispute: disputeState(dispute) as Json })
      .throwOnError();
    return data;
  },
  async account(id) {
    const account = await stripe.accounts.retrieve(id);
    const { data } = await supabase
      .rpc("apply_account", { p_account: accountState(account) as Json })
      .throwOnError();
    return data;
  },
};

const wishSchema = z.object({
  status: z.string(),
  amount: z.number().int().positive(),
  currency: z.string().optional(),
  booking_id: z.uuid().optional(),
  transfer: z.string().nullish(),
  destination: z.string().nullish(),
});

Deno.serve(
  createHandler({
    async takeTasks() {
      const { data } = await supabase.rpc("take_stripe_tasks", {}).throwOnError();
      return taskSchema.array().parse(data);
    },
    async finishTask(task, outcome) {
      const { data } = await supabase
        .rpc("finish_stripe_task", { p_task_id: task.task_id, p_lease: task.lease, p_outcome: outcome })
        .throwOnError();
      return data;
    },
    async failTask(task, error, isLast) {
      await supabase
        .rpc("fail_stripe_task", {
          p_task_id: task.task_id,
          p_lease: task.lease,
          p_error: error,
          p_is_final: isLast,
        })
        .throwOnError();
    },
    sync,
    async intentOf({ payment_id, payment_intent, booking_id, amount, currency, customer, description }) {
      if (payment_intent !== null) return payment_intent;
      const { id } = await createIntent(stripe, {
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
      // Stripe keeps no card for later while the guest is away: https://docs.stripe.com/payments/save-during-payment
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
    async transfer(payoutId) {
      const { data } = await supabase.rpc("begin_transfer", { p_payout_id: payoutId }).throwOnError();
      const wish = wishSchema.parse(data);
      if (wish.status !== "pending") return `ignored: ${wish.status}`;
      try {
        const transfer = await stripe.transfers.create(
          {
            amount: wish.amount,
            currency: (wish.currency ?? "").toLowerCase(),
            destination: wish.destination ?? "",
            transfer_group: wish.booking_id ?? "",
            metadata: { payout_id: payoutId, booking_id: wish.booking_id ?? "" },
          },
          { idempotencyKey: `transfer:${payoutId}` },
        );
        return await sync.transfer(transfer.id);
      } catch (error) {
        if (!isFinal(error)) throw error;
        await supabase
          .rpc("fail_transfer", { p_payout_id: payoutId, p_error: describeError(error) })
          .throwOnError();
        return `failed: ${describeError(error)}`;
      }
    },
    async reverse(reversalId) {
      const { data } = await supabase.rpc("begin_reversal", { p_reversal_id: reversalId }).throwOnError();
      const { status, transfer, amount } = wishSchema.parse(data);
      if (status !== "pending" || typeof transfer !== "string") return `ignored: ${status}`;
      try {
        await stripe.transfers.createReversal(
          transfer,
          { amount, metadata: { reversal_id: reversalId } },
          { idempotencyKey: `reversal:${reversalId}` },
        );
      } catch (error) {
        if (!isFinal(error)) throw error;
        await supabase.rpc("fail_reversal", { p_reversal_id: reversalId }).throwOnError();
        return `failed: ${describeError(error)}`;
      }
      return sync.transfer(transfer);
    },
    isFinal,
    describe: describeError,
    reasonOf: (error) => declineOf(error) ?? "The card could not be charged.",
    log: console.error,
  }),
);
