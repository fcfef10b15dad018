// Reads objects from Stripe and saves their state in the database.

import type Stripe from "stripe";
import { accountState } from "../_shared/stripe.ts";
import type { Json, ServiceClient } from "../_shared/supabase.ts";
import type { Syncs } from "./handler.ts";
import { disputeState, fraudWarningState, intentState, refundState, transferState } from "./state.ts";

export function createSyncs(supabase: ServiceClient, stripe: Stripe): Syncs {
  const syncs: Syncs = {
    async paymentIntent(id) {
      const intent = await stripe.paymentIntents.retrieve(id, {
        expand: ["latest_charge.balance_transaction", "customer"],
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
      const apply = () => supabase.rpc("apply_refund", { p_refund: refundState(refund) as Json });
      const { data, error } = await apply();
      if (error === null) return data;
      if (
        !String(error.details).includes("refunds_above_capture") ||
        typeof refund.payment_intent !== "string"
      )
        throw error;
      // one that failed at Stripe makes room
      for await (const other of stripe.refunds.list({ payment_intent: refund.payment_intent }))
        if (other.status === "failed" || other.status === "canceled") await syncs.refund(other.id);
      return (await apply().throwOnError()).data;
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
    async fraudWarning(id) {
      const warning = await stripe.radar.earlyFraudWarnings.retrieve(id);
      const { data } = await supabase
        .rpc("apply_fraud_warning", { p_warning: fraudWarningState(warning) as Json })
        .throwOnError();
      return data;
    },
    async returns(payment_intent) {
      for await (const { id } of stripe.refunds.list({ payment_intent })) await syncs.refund(id);
      for await (const { id } of stripe.disputes.list({ payment_intent })) await syncs.dispute(id);
    },
    async account(id) {
      const account = await stripe.accounts.retrieve(id);
      const { data } = await supabase
        .rpc("apply_account", { p_account: accountState(account) as Json })
        .throwOnError();
      return data;
    },
  };
  return syncs;
}
