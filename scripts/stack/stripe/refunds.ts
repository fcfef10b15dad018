// Refunds of captured charges.

import { amountOf, rulesOf } from "./amounts.ts";
import { blockingDispute } from "./disputes.ts";
import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, text } from "./form.ts";
import type { Charge, EarlyFraudWarning, PaymentIntent, Refund } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function createRefund(store: EmulatorStore, parameters: Parameters): Refund {
  const charge = chargeOf(store, parameters);
  if (!charge.captured) throw invalid("This charge has not been captured.", "charge");
  if (blockingDispute(store, charge) !== undefined) {
    throw invalid(
      `Charge ${charge.id} has been charged back; cannot issue a refund.`,
      "charge",
      "charge_disputed",
    );
  }
  const left = charge.amount_captured - charge.amount_refunded;
  if (left === 0) {
    throw invalid(`Charge ${charge.id} has already been refunded.`, "charge", "charge_already_refunded");
  }
  const amount =
    text(parameters, "amount") === undefined
      ? left
      : amountOf(parameters, "amount", rulesOf(charge.currency));
  if (amount > left) {
    throw invalid(
      `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`,
      "amount",
    );
  }
  const id = store.newId("re");
  const transaction = store.move({
    amount: -amount,
    currency: charge.currency,
    description: null,
    fee: 0,
    reporting_category: "refund",
    source: id,
    type: "refund",
  });
  charge.amount_refunded += amount;
  charge.refunded = charge.amount_refunded === charge.amount_captured;
  const refund = store.put<Refund>({
    id,
    object: "refund",
    amount,
    balance_transaction: transaction.id,
    charge: charge.id,
    created: store.now(),
    currency: charge.currency,
    customer: charge.customer,
    customer_account: null,
    destination_details: {
      type: "card",
      card: {
        reference: store.newId("").slice(1, 12),
        reference_status: "available",
        reference_type: "acquirer_reference_number",
        type: "refund",
      },
    },
    metadata: metadataOf(parameters),
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: (text(parameters, "reason") ?? null) as Refund["reason"],
    receipt_number: null,
    source_transfer_reversal: null,
    status: "succeeded",
    transfer_reversal: null,
  });
  store.emit("refund.created", refund);
  store.emit("charge.refunded", charge);
  if (charge.refunded) endWarnings(store, charge);
  return refund;
}

/** The charge that a request names by its own id or by its intent's. */
export function chargeOf(store: EmulatorStore, parameters: Parameters): Charge {
  const intent = text(parameters, "payment_intent");
  const charge = text(parameters, "charge");
  if (intent === undefined) {
    if (charge === undefined) {
      throw invalid(
        "One of the following params should be provided for this request: payment_intent or charge.",
      );
    }
    return store.get<Charge>("charge", charge, "charge");
  }
  const latest = store.get<PaymentIntent>("payment_intent", intent, "payment_intent").latest_charge;
  if (latest === null) {
    throw invalid("This PaymentIntent does not have a successful charge to refund.", "payment_intent");
  }
  return store.get<Charge>("charge", latest, "charge");
}

function endWarnings(store: EmulatorStore, charge: Charge): void {
  for (const { id, charge: warned, actionable } of store.all<EarlyFraudWarning>(
    "radar.early_fraud_warning",
  )) {
    if (warned !== charge.id || !actionable) continue;
    const warning = store.get<EarlyFraudWarning>("radar.early_fraud_warning", id);
    warning.actionable = false;
    store.emit("radar.early_fraud_warning.updated", warning);
  }
}

export function updateRefund(store: EmulatorStore, id: string, parameters: Parameters): Refund {
  const refund = store.get<Refund>("refund", id, "refund");
  refund.metadata = metadataOf(parameters, refund.metadata);
  store.emit("refund.updated", refund);
  return refund;
}

/** The card's bank sends a refund back: the money returns to the balance. */
export function failRefund(store: EmulatorStore, id: string): Refund {
  const refund = store.get<Refund>("refund", id, "refund");
  if (refund.status === "failed") throw invalid("This refund has failed already.", "refund");
  const returned = store.move({
    amount: refund.amount,
    currency: refund.currency,
    description: "REFUND FAILURE",
    fee: 0,
    reporting_category: "refund_failure",
    source: refund.id,
    type: "refund_failure",
  });
  Object.assign(refund, {
    status: "failed",
    failure_reason: "expired_or_canceled_card",
    failure_balance_transaction: returned.id,
  });
  const charge = store.get<Charge>("charge", refund.charge ?? "");
  charge.amount_refunded -= refund.amount;
  charge.refunded = false;
  store.emit("refund.failed", refund);
  store.emit("charge.refund.updated", refund);
  return refund;
}
