// Payouts from the platform's balance to its own bank account.

import { currencyOf, payoutAmountOf } from "./amounts.ts";
import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, text } from "./form.ts";
import type { Payout } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function createPayout(store: EmulatorStore, parameters: Parameters): Payout {
  const currency = currencyOf(parameters);
  const amount = payoutAmountOf(parameters, "amount", currency);
  if (store.balance(currency.code) < amount) {
    throw invalid(
      "You have insufficient funds in your Stripe account for this transfer.",
      "amount",
      "balance_insufficient",
    );
  }
  const id = store.newId("po");
  const description = text(parameters, "description") ?? null;
  const transaction = store.move({
    amount: -amount,
    currency: currency.code,
    description,
    fee: 0,
    reporting_category: "payout",
    source: id,
    type: "payout",
  });
  const payout = store.put<Payout>({
    id,
    object: "payout",
    amount,
    application_fee: null,
    application_fee_amount: null,
    arrival_date: store.now(),
    automatic: false,
    balance_transaction: transaction.id,
    created: store.now(),
    currency: currency.code,
    description,
    destination: null,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    livemode: false,
    metadata: metadataOf(parameters),
    method: "standard",
    original_payout: null,
    payout_method: null,
    reconciliation_status: "not_applicable",
    reversed_by: null,
    source_type: "card",
    statement_descriptor: text(parameters, "statement_descriptor") ?? null,
    status: "paid",
    trace_id: null,
    type: "bank_account",
  });
  store.emit("payout.created", { ...payout, status: "pending" });
  store.emit("payout.paid", payout);
  return payout;
}
