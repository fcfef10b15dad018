// Disputes: opened by a test card, decided by the evidence that is submitted.

import { type Parameters, text } from "./form.ts";
import type { Charge, Dispute, PaymentIntent } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

/** Stripe's fee for a dispute, in minor units; returned when the dispute is won. */
const disputeFee = 1500;

/** Opens a dispute over all that was captured, and withdraws the amount and the fee from the balance. */
export function openDispute(store: EmulatorStore, intent: PaymentIntent, charge: Charge): void {
  const withdrawn = store.move({
    amount: -charge.amount_captured,
    currency: charge.currency,
    description: "Chargeback withdrawal",
    fee: disputeFee,
    reporting_category: "dispute",
    source: charge.id,
    type: "adjustment",
  });
  charge.disputed = true;
  const created = store.put<Dispute>({
    id: store.newId("dp"),
    object: "dispute",
    amount: charge.amount_captured,
    balance_transactions: [withdrawn],
    charge: charge.id,
    created: store.now(),
    currency: charge.currency,
    evidence: {},
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: intent.id,
    reason: "fraudulent",
    status: "needs_response",
  });
  withdrawn.source = created.id;
  store.emit("charge.dispute.created", created);
  store.emit("charge.dispute.funds_withdrawn", created);
}

/** As at Stripe, `uncategorized_text: winning_evidence` or `losing_evidence` decides a test dispute. */
export function updateDispute(store: EmulatorStore, id: string, parameters: Parameters): Dispute {
  const dispute = store.get<Dispute>("dispute", id);
  const evidence =
    typeof parameters.evidence === "object" && !Array.isArray(parameters.evidence) ? parameters.evidence : {};
  Object.assign(dispute.evidence, evidence);
  if (text(parameters, "submit") === "false") return dispute;
  if (evidence.uncategorized_text === "winning_evidence") {
    const charge = store.get<Charge>("charge", dispute.charge);
    dispute.status = "won";
    charge.disputed = false;
    const returned = store.move({
      amount: dispute.amount,
      currency: dispute.currency,
      description: "Chargeback reversal",
      fee: -disputeFee,
      reporting_category: "dispute_reversal",
      source: dispute.id,
      type: "adjustment",
    });
    dispute.balance_transactions.push(returned);
    store.emit("charge.dispute.funds_reinstated", dispute);
    store.emit("charge.dispute.closed", dispute);
  } else if (evidence.uncategorized_text === "losing_evidence") {
    dispute.status = "lost";
    store.emit("charge.dispute.closed", dispute);
  } else {
    dispute.status = "under_review";
    store.emit("charge.dispute.updated", dispute);
  }
  return dispute;
}
