// Objects of Stripe in the form that the database takes. Amounts stay in Stripe's units: the database converts them, by the currency
// beside them.

import type Stripe from "stripe";
import { idOf } from "../_shared/stripe.ts";

/** The effect of an object on the platform's balance, in the currency of the balance. */
function settlement(transaction: string | Stripe.BalanceTransaction | null | undefined) {
  if (typeof transaction !== "object" || transaction === null) return null;
  const { id, currency, amount, fee, net } = transaction;
  return { id, currency, amount, fee, net };
}

/** @param intent with latest_charge.balance_transaction and customer expanded */
export function intentState(intent: Stripe.PaymentIntent) {
  const charge = typeof intent.latest_charge === "object" ? intent.latest_charge : null;
  const settled = settlement(charge?.balance_transaction);
  if (intent.status === "succeeded" && settled === null) {
    throw new Error("the charge has no balance transaction yet");
  }
  return {
    id: intent.id,
    payment_id: intent.metadata.payment_id ?? null,
    status: intent.status,
    amount: intent.amount,
    amount_received: intent.amount_received,
    currency: intent.currency,
    created: charge?.created ?? intent.created,
    charge: charge?.id ?? null,
    settlement: settled,
    capture_before: charge?.payment_method_details?.card?.capture_before ?? null,
    error: intent.last_payment_error?.message ?? null,
    payment_method: methodState(intent, charge),
    metadata: intent.metadata,
    customer: idOf(intent.customer),
    email: emailOf(intent),
    description: intent.description,
  };
}

/** Where Stripe would send a receipt. */
function emailOf({ receipt_email, customer }: Stripe.PaymentIntent): string | null {
  if (receipt_email !== null) return receipt_email;
  return typeof customer === "object" && customer !== null && !customer.deleted ? customer.email : null;
}

/** The card that was charged, and whether it may be charged again. */
function methodState(intent: Stripe.PaymentIntent, charge: Stripe.Charge | null) {
  const card = charge?.payment_method_details?.card;
  const id = charge?.payment_method ?? null;
  if (card === undefined || id === null) return null;
  return {
    id,
    brand: card.brand ?? "card",
    last4: card.last4 ?? "",
    is_reusable: intent.customer !== null && intent.setup_future_usage === "off_session",
  };
}

/** @param refund with both balance transactions expanded */
export function refundState(refund: Stripe.Refund) {
  return {
    id: refund.id,
    refund_id: refund.metadata?.refund_id ?? null,
    payment_intent: idOf(refund.payment_intent),
    status: refund.status,
    amount: refund.amount,
    currency: refund.currency,
    created: refund.created,
    settlement: settlement(refund.balance_transaction),
    failure_settlement: settlement(refund.failure_balance_transaction),
    failure_reason: refund.failure_reason ?? null,
  };
}

export function transferState(transfer: Stripe.Transfer, reversals: Stripe.TransferReversal[]) {
  return {
    id: transfer.id,
    payout_id: transfer.metadata.payout_id ?? null,
    amount: transfer.amount,
    currency: transfer.currency,
    created: transfer.created,
    balance_transaction: idOf(transfer.balance_transaction),
    destination: idOf(transfer.destination),
    metadata: transfer.metadata,
    reversals: reversals.map((reversal) => ({
      id: reversal.id,
      reversal_id: reversal.metadata?.reversal_id ?? null,
      amount: reversal.amount,
      currency: reversal.currency,
      created: reversal.created,
      balance_transaction: idOf(reversal.balance_transaction),
    })),
  };
}

export function fraudWarningState(warning: Stripe.Radar.EarlyFraudWarning) {
  return {
    id: warning.id,
    payment_intent: idOf(warning.payment_intent),
    fraud_type: warning.fraud_type,
  };
}

export function disputeState(dispute: Stripe.Dispute) {
  return {
    id: dispute.id,
    payment_intent: idOf(dispute.payment_intent),
    status: dispute.status,
    reason: dispute.reason,
    amount: dispute.amount,
    currency: dispute.currency,
    movements: dispute.balance_transactions.map(({ id, currency, amount, fee, net, created }) => ({
      id,
      currency,
      amount,
      fee,
      net,
      created,
    })),
  };
}
