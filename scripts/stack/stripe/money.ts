// Money that leaves: refunds, transfers to connected accounts, reversals, and how disputes end.

import type {
  Account,
  Books,
  Charge,
  Dispute,
  PaymentIntent,
  Refund,
  Transfer,
  TransferReversal,
} from "./books.ts";
import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, text } from "./form.ts";
import { wholeNumber } from "./payment-intents.ts";

export function createRefund(books: Books, parameters: Parameters): Refund {
  const intentId = text(parameters, "payment_intent");
  const chargeId =
    intentId === undefined
      ? text(parameters, "charge")
      : books.get<PaymentIntent>("payment_intent", intentId).latest_charge;
  const charge = books.get<Charge>("charge", chargeId ?? "");
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
  const id = books.newId("re");
  const transaction = books.move({
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
  const refund = books.put<Refund>({
    id,
    object: "refund",
    amount,
    balance_transaction: transaction.id,
    charge: charge.id,
    created: books.now(),
    currency: charge.currency,
    metadata: metadataOf(parameters),
    payment_intent: charge.payment_intent,
    reason: (text(parameters, "reason") ?? null) as Refund["reason"],
    status: "succeeded",
  });
  books.emit("refund.created", refund);
  books.emit("charge.refunded", charge);
  return refund;
}

export function createTransfer(books: Books, parameters: Parameters): Transfer {
  const destination = books.get<Account>("account", text(parameters, "destination") ?? "");
  const currency = (text(parameters, "currency") ?? "").toLowerCase();
  const amount = wholeNumber(parameters, "amount");
  if (!destination.payouts_enabled) {
    throw invalid("The destination account cannot receive transfers yet.", "destination", "account_invalid");
  }
  if (books.balance(currency) < amount) {
    throw invalid(
      "You have insufficient available funds in your Stripe account.",
      undefined,
      "balance_insufficient",
    );
  }
  const id = books.newId("tr");
  const transaction = books.move({
    amount: -amount,
    currency,
    description: null,
    fee: 0,
    reporting_category: "transfer",
    source: id,
    type: "transfer",
  });
  const transfer = books.put<Transfer>({
    id,
    object: "transfer",
    amount,
    amount_reversed: 0,
    balance_transaction: transaction.id,
    created: books.now(),
    currency,
    destination: destination.id,
    livemode: false,
    metadata: metadataOf(parameters),
    reversed: false,
    transfer_group: text(parameters, "transfer_group") ?? null,
  });
  books.emit("transfer.created", transfer);
  return transfer;
}

export function reverseTransfer(books: Books, id: string, parameters: Parameters): TransferReversal {
  const transfer = books.get<Transfer>("transfer", id);
  const left = transfer.amount - transfer.amount_reversed;
  const amount = text(parameters, "amount") === undefined ? left : wholeNumber(parameters, "amount");
  if (amount > left || left === 0)
    throw invalid("Reversal amount is greater than unreversed amount on transfer.", "amount");
  const reversalId = books.newId("trr");
  const transaction = books.move({
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
  const reversal = books.put<TransferReversal>({
    id: reversalId,
    object: "transfer_reversal",
    amount,
    balance_transaction: transaction.id,
    created: books.now(),
    currency: transfer.currency,
    metadata: metadataOf(parameters),
    transfer: transfer.id,
  });
  books.emit("transfer.reversed", transfer);
  return reversal;
}

/** Evidence `winning_evidence` or `losing_evidence` in `uncategorized_text` decides a test dispute, as at Stripe. */
export function updateDispute(books: Books, id: string, parameters: Parameters): Dispute {
  const dispute = books.get<Dispute>("dispute", id);
  const evidence =
    typeof parameters.evidence === "object" && !Array.isArray(parameters.evidence) ? parameters.evidence : {};
  Object.assign(dispute.evidence, evidence);
  if (text(parameters, "submit") === "false") return dispute;
  if (evidence.uncategorized_text === "winning_evidence") {
    const charge = books.get<Charge>("charge", dispute.charge);
    dispute.status = "won";
    charge.disputed = false;
    const returned = books.move({
      amount: dispute.amount,
      currency: dispute.currency,
      description: "Chargeback reversal",
      fee: -1500,
      reporting_category: "dispute_reversal",
      source: dispute.id,
      type: "adjustment",
    });
    dispute.balance_transactions.push(returned);
    books.emit("charge.dispute.funds_reinstated", dispute);
    books.emit("charge.dispute.closed", dispute);
  } else if (evidence.uncategorized_text === "losing_evidence") {
    dispute.status = "lost";
    books.emit("charge.dispute.closed", dispute);
  } else {
    dispute.status = "under_review";
    books.emit("charge.dispute.updated", dispute);
  }
  return dispute;
}
