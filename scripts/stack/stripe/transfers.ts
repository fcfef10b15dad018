// Transfers to connected accounts, and their reversals.

import { amountOf, currencyOf, money, rulesOf } from "./amounts.ts";
import { invalid } from "./errors.ts";
import { changed, metadataOf, type Parameters, text } from "./form.ts";
import type { Account, BalanceTransaction, Charge, Transfer, TransferReversal } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function createTransfer(store: EmulatorStore, parameters: Parameters): Transfer {
  const destination = store.get<Account>("account", text(parameters, "destination") ?? "", "destination");
  const currency = currencyOf(parameters);
  const source = sourceOf(store, parameters, currency.code);
  const amount =
    source !== undefined && text(parameters, "amount") === undefined
      ? source.left
      : amountOf(parameters, "amount", currency);
  if (!destination.payouts_enabled) {
    throw invalid(
      "Your destination account needs to have at least one of the following capabilities enabled: transfers, crypto_transfers, legacy_payments",
      "destination",
      "insufficient_capabilities_for_transfer",
    );
  }
  if (source !== undefined && amount > source.left) {
    throw invalid(
      `Transfers using this transaction as a source must not exceed the source amount of ${money(source.whole, currency.code)}. ${money(source.left, currency.code)} is left.`,
      "amount",
    );
  }
  if (source === undefined && store.balance(currency.code) < amount) {
    throw invalid(
      "You have insufficient available funds in your Stripe account.",
      undefined,
      "balance_insufficient",
    );
  }
  const id = store.newId("tr");
  const transaction = store.move({
    amount: -amount,
    currency: currency.code,
    description: text(parameters, "description") ?? null,
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
    currency: currency.code,
    description: text(parameters, "description") ?? null,
    destination: destination.id,
    livemode: false,
    metadata: metadataOf(parameters),
    reversals: { object: "list", data: [], has_more: false, url: `/v1/transfers/${id}/reversals` },
    reversed: false,
    source_transaction: source?.charge.id ?? null,
    source_type: "card",
    transfer_group: text(parameters, "transfer_group") ?? source?.group ?? null,
  });
  store.emit("transfer.created", transfer);
  return transfer;
}

/** The charge that pays for a transfer before its money is available, and what earlier transfers have left of it. */
function sourceOf(store: EmulatorStore, parameters: Parameters, currency: string) {
  const id = text(parameters, "source_transaction");
  if (id === undefined) return undefined;
  const charge = store.get<Charge>("charge", id, "source_transaction");
  if (charge.balance_transaction === null) {
    throw invalid("The charge of source_transaction has not been captured.", "source_transaction");
  }
  const settled = store.get<BalanceTransaction>("balance_transaction", charge.balance_transaction);
  if (settled.currency !== currency) {
    throw invalid(
      `The currency of source_transaction's balance transaction (${settled.currency}) must be the same as the transfer currency (${currency})`,
      "currency",
    );
  }
  const used = store
    .all<Transfer>("transfer")
    .filter(({ source_transaction }) => source_transaction === id)
    .reduce((sum, { amount }) => sum + amount, 0);
  charge.transfer_group ??= `group_${charge.id}`;
  return { charge, group: charge.transfer_group, whole: settled.amount, left: settled.amount - used };
}

export function updateTransfer(store: EmulatorStore, id: string, parameters: Parameters): Transfer {
  const transfer = store.get<Transfer>("transfer", id, "transfer");
  transfer.description = changed(parameters, "description", transfer.description);
  transfer.metadata = metadataOf(parameters, transfer.metadata);
  store.emit("transfer.updated", transfer);
  return transfer;
}

export function reverseTransfer(store: EmulatorStore, id: string, parameters: Parameters): TransferReversal {
  const transfer = store.get<Transfer>("transfer", id, "transfer");
  const left = transfer.amount - transfer.amount_reversed;
  const amount =
    text(parameters, "amount") === undefined
      ? left
      : amountOf(parameters, "amount", rulesOf(transfer.currency));
  if (amount > left || left === 0)
    throw invalid("Reversal amount is greater than unreversed amount on transfer.", "amount");
  const reversalId = store.newId("trr");
  const transaction = store.move({
    amount,
    currency: transfer.currency,
    description: text(parameters, "description") ?? null,
    fee: 0,
    reporting_category: "transfer_reversal",
    source: reversalId,
    type: "transfer_refund",
  });
  const reversal = store.put<TransferReversal>({
    id: reversalId,
    object: "transfer_reversal",
    amount,
    balance_transaction: transaction.id,
    created: store.now(),
    currency: transfer.currency,
    destination_payment_refund: null,
    metadata: metadataOf(parameters),
    source_refund: null,
    transfer: transfer.id,
  });
  transfer.amount_reversed += amount;
  transfer.reversed = transfer.amount_reversed === transfer.amount;
  // As at Stripe, a transfer shows its ten newest reversals.
  const reversals = reversalsOf(store, id);
  transfer.reversals.data = reversals.slice(0, 10) as unknown as typeof transfer.reversals.data;
  transfer.reversals.has_more = reversals.length > 10;
  store.emit("transfer.reversed", transfer);
  return reversal;
}

export function reversalsOf(store: EmulatorStore, transfer: string): TransferReversal[] {
  return store
    .all<TransferReversal>("transfer_reversal")
    .filter((reversal) => reversal.transfer === transfer);
}

export function getReversal(store: EmulatorStore, transfer: string, id: string): TransferReversal {
  store.get<Transfer>("transfer", transfer, "transfer");
  const reversal = store.get<TransferReversal>("transfer_reversal", id, "reversal");
  if (reversal.transfer !== transfer) throw invalid(`No such transfer reversal: '${id}'`, "reversal");
  return reversal;
}
