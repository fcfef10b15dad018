// Money that leaves: refunds, transfers to connected accounts, reversals, and how disputes end.

import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, text } from "./form.ts";
import { wholeNumber } from "./payment-intents.ts";
import type {
  Account,
  Charge,
  Dispute,
  EmulatorStore,
  PaymentIntent,
  Refund,
  Transfer,
  TransferReversal,
} from "./store.ts";

export function createRefund(store: EmulatorStore, parameters: Parameters): Refund {
  const intentId = text(parameters, "payment_intent");
  const chargeId =
    intentId === undefined
      ? text(parameters, "charge")
      : store.get<PaymentIntent>("payment_intent", intentId).latest_charge;
  const charge = store.get<Charge>("charge", chargeId ?? "");
  if (!charge.captured) throw invalid("This charge has not been captured.", "charge");
  if (charge.disputed) throw invalid("This charge has been charged back.", "charge", "charge_disputed");
  const left = charge.amount_captured - charge.amount_refunded;
  if (left === 0)
    throw invalid("This charge has already been refunded.", "charge", "charge_already_refunded");
  const amount = text(parameters, "amount") === undefined ? left : wholeNumber(parameters, "amount");
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
    metadata: metadataOf(parameters),
    payment_intent: charge.payment_intent,
    reason: (text(parameters, "reason") ?? null) as Refund["reason"],
    status: "succeeded",
  });
  store.emit("refund.created", refund);
  store.emit("charge.refunded", charge);
  return refund;
}

export function createTransfer(store: EmulatorStore, parameters: Parameters): Transfer {
  const destination = store.get<Account>("account", text(parameters, "destination") ?? "");
  const currency = (text(parameters, "currency") ?? "").toLowerCase();
  const amount = wholeNumber(parameters, "amount");
  if (!destination.payouts_enabled) {
    throw invalid("The destination account cannot receive transfers yet.", "destination", "account_invalid");
  }
  if (store.balance(currency) < amount) {
    throw invalid(
      "You have insufficient available funds in your Stripe account.",
      undefined,
      "balance_insufficient",
    );
  }
  const id = store.newId("tr");
  const transaction = store.move({
    amount: -amount,
    currency,
    description: null,
    fee: 0,
    reporting_category: "transfer",
    source: id,
    type: "transfer",
  });
  const transfer = store.put<Transfer>({
    id,
    object: "transfer",
    amount,
    amount_reversed: 0,
    balance_transaction: transaction.id,
    created: store.now(),
    currency,
    destination: destination.id,
    livemode: false,
    metadata: metadataOf(parameters),
    reversed: false,
    transfer_group: text(parameters, "transfer_group") ?? null,
  });
  store.emit("transfer.created", transfer);
  return transfer;
}

export function reverseTransfer(store: EmulatorStore, id: string, parameters: Parameters): TransferReversal {
  const transfer = store.get<Transfer>("transfer", id);
  const left = transfer.amount - transfer.amount_reversed;
  const amount = text(parameters, "amount") === undefined ? left : wholeNumber(parameters, "amount");
  if (amount > left || left === 0)
    throw invalid("Reversal amount is greater than unreversed amount on transfer.", "amount");
  const reversalId = store.newId("trr");
  const transaction = store.move({
    amount,
    currency: transfer.currency,
    description: null,
    fee: 0,
    reporting_category: "transfer_reversal",
    source: reversalId,
    type: "transfer_refund",
  });
  transfer.amount_reversed += amount;
  transfer.reversed = transfer.amount_reversed === transfer.amount;
  const reversal = store.put<TransferReversal>({
    id: reversalId,
    object: "transfer_reversal",
    amount,
    balance_transaction: transaction.id,
    created: store.now(),
    currency: transfer.currency,
    metadata: metadataOf(parameters),
    transfer: transfer.id,
  });
  store.emit("transfer.reversed", transfer);
  return reversal;
}

/** Evidence `winning_evidence` or `losing_evidence` in `uncategorized_text` decides a test dispute, as at Stripe. */
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
      fee: -1500,
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
