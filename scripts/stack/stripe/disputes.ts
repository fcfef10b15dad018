// Disputes: opened by a test card or a test, decided by the evidence that is submitted, or by the test.

import type Stripe from "stripe";
import { evidenceFiles, evidenceTexts } from "./contract.ts";
import { invalid } from "./errors.ts";
import { changed, metadataOf, object, type Parameters, text } from "./form.ts";
import type { Charge, Dispute } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

/** Stripe's fee for a dispute, in minor units; returned when the dispute is won. */
const disputeFee = 1500;
const daysToRespond = 9;

const open = ["needs_response", "under_review", "warning_needs_response", "warning_under_review"];
const isInquiry = ({ status }: Dispute) => status.startsWith("warning_");

/** The dispute that keeps a charge from being refunded. */
export function blockingDispute(store: EmulatorStore, charge: Charge): Dispute | undefined {
  return store
    .all<Dispute>("dispute")
    .find((dispute) => dispute.charge === charge.id && !isInquiry(dispute) && dispute.status !== "won");
}

export interface DisputeOptions {
  /** In minor units; all that was captured by default. */
  amount?: number;
  reason?: string;
  /** The bank only asks, and takes no money. */
  inquiry?: boolean;
}

/** Opens a dispute. Unless it is an inquiry, the amount and the fee are withdrawn from the balance. */
export function openDispute(
  store: EmulatorStore,
  charge: Charge,
  { amount = charge.amount_captured, reason = "fraudulent", inquiry = false }: DisputeOptions,
): Dispute {
  if (!charge.captured) throw invalid("This charge has not been captured.", "charge");
  if (!(amount >= 1)) throw invalid("A dispute has an amount above zero.", "amount");
  charge.disputed = true;
  const created = store.now();
  const dispute = store.put<Dispute>({
    id: store.newId("dp"),
    object: "dispute",
    amount,
    balance_transactions: [],
    charge: charge.id,
    created,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: {
      ...(Object.fromEntries([...evidenceTexts, ...evidenceFiles].map((name) => [name, null])) as Record<
        (typeof evidenceTexts)[number] | (typeof evidenceFiles)[number],
        null
      >),
      enhanced_evidence: {},
    },
    evidence_details: {
      due_by: created + daysToRespond * 24 * 3600,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: "not_submitted",
    },
    intended_submission_method: null,
    is_charge_refundable: inquiry,
    livemode: false,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      type: "card",
      card: {
        brand: charge.payment_method_details?.card?.brand ?? "visa",
        case_type: inquiry ? "inquiry" : "chargeback",
        network: charge.payment_method_details?.card?.brand ?? "visa",
        network_reason_code: reason === "fraudulent" ? "10.4" : "13.1",
      },
    },
    reason,
    status: inquiry ? "warning_needs_response" : "needs_response",
  });
  if (!inquiry) withdraw(store, dispute);
  store.emit("charge.dispute.created", dispute);
  if (!inquiry) store.emit("charge.dispute.funds_withdrawn", dispute);
  return dispute;
}

function withdraw(store: EmulatorStore, dispute: Dispute): void {
  dispute.balance_transactions.push(
    store.move({
      amount: -dispute.amount,
      currency: dispute.currency,
      description: "Chargeback withdrawal",
      fee: disputeFee,
      reporting_category: "dispute",
      source: dispute.id,
      type: "adjustment",
    }),
  );
}

function reinstate(store: EmulatorStore, dispute: Dispute): void {
  dispute.balance_transactions.push(
    store.move({
      amount: dispute.amount,
      currency: dispute.currency,
      description: "Chargeback reversal",
      fee: -disputeFee,
      reporting_category: "dispute_reversal",
      source: dispute.id,
      type: "adjustment",
    }),
  );
  store.emit("charge.dispute.funds_reinstated", dispute);
}

export type Verdict = "won" | "lost" | "warning_closed" | "under_review" | "needs_response";

/**
 * The bank's next step. `needs_response` makes a chargeback of an inquiry; a lost dispute can still be won on appeal.
 * @throws StripeFault 400 for a step that the dispute cannot take
 */
export function decide(store: EmulatorStore, dispute: Dispute, verdict: Verdict): Dispute {
  const possible: Record<Verdict, boolean> = {
    won: ["needs_response", "under_review", "lost"].includes(dispute.status),
    lost: ["needs_response", "under_review", "won"].includes(dispute.status),
    warning_closed: isInquiry(dispute) && dispute.status !== "warning_closed",
    under_review: ["needs_response", "warning_needs_response"].includes(dispute.status),
    needs_response: isInquiry(dispute),
  };
  if (!possible[verdict]) {
    throw invalid(`A dispute that is ${dispute.status} cannot become ${verdict}.`, "status");
  }
  const before = dispute.status;
  dispute.status = verdict === "under_review" && isInquiry(dispute) ? "warning_under_review" : verdict;
  if (verdict === "won") reinstate(store, dispute);
  const withdraws = verdict === "needs_response" || (verdict === "lost" && before === "won");
  if (withdraws) withdraw(store, dispute);
  if (verdict === "needs_response") {
    dispute.is_charge_refundable = false;
    if (dispute.payment_method_details?.card) dispute.payment_method_details.card.case_type = "chargeback";
  }
  if (withdraws) store.emit("charge.dispute.funds_withdrawn", dispute);
  store.emit(open.includes(dispute.status) ? "charge.dispute.updated" : "charge.dispute.closed", dispute);
  return dispute;
}

/**
 * Keeps the evidence, and submits it unless `submit` is false. As at Stripe, `uncategorized_text: winning_evidence` or
 * `losing_evidence` decides a test dispute.
 */
export function updateDispute(store: EmulatorStore, id: string, parameters: Parameters): Dispute {
  const dispute = store.get<Dispute>("dispute", id, "dispute");
  const given = object(parameters, "evidence");
  const hasEvidence = Object.keys(given).length > 0;
  const submits = text(parameters, "submit") !== "false" && (hasEvidence || "submit" in parameters);
  if ((hasEvidence || submits) && !open.includes(dispute.status)) {
    throw invalid("This dispute is already closed.", "dispute");
  }
  dispute.metadata = metadataOf(parameters, dispute.metadata);
  const evidence = dispute.evidence as Record<(typeof evidenceTexts)[number], string | null>;
  for (const name of evidenceTexts) evidence[name] = changed(given, name, evidence[name]);
  const { evidence_details: details } = dispute;
  details.has_evidence = evidenceTexts.some((name) => evidence[name] !== null);
  if (!submits) {
    store.emit("charge.dispute.updated", dispute);
    return dispute;
  }
  details.submission_count += 1;
  details.submission_method = "manual" as Stripe.Dispute.EvidenceDetails["submission_method"];
  const inquiry = isInquiry(dispute);
  if (evidence.uncategorized_text === "winning_evidence") {
    return decide(store, dispute, inquiry ? "warning_closed" : "won");
  }
  if (evidence.uncategorized_text === "losing_evidence") {
    return decide(store, dispute, inquiry ? "needs_response" : "lost");
  }
  dispute.status = inquiry ? "warning_under_review" : "under_review";
  store.emit("charge.dispute.updated", dispute);
  return dispute;
}

/** Accepts a dispute, which loses it. */
export function closeDispute(store: EmulatorStore, id: string): Dispute {
  const dispute = store.get<Dispute>("dispute", id, "dispute");
  if (!open.includes(dispute.status)) throw invalid("This dispute is already closed.", "dispute");
  return decide(store, dispute, isInquiry(dispute) ? "warning_closed" : "lost");
}
