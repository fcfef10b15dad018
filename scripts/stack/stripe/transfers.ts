// Transfers to connected accounts, and their reversals.

import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, positiveInteger, text } from "./form.ts";
import type { Account, Transfer, TransferReversal } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function createTransfer(store: EmulatorStore, parameters: Parameters): Transfer {
  const destination = store.get<Account>("account", text(parameters, "destination") ?? "");
  const currency = (text(parameters, "currency") ?? "").toLowerCase();
  const amount = positiveInteger(parameters, "amount");
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
  const amount = text(parameters, "amount") === undefined ? left : positiveInteger(parameters, "amount");
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
