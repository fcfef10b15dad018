// Refunds of captured charges.

import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, positiveInteger, text } from "./form.ts";
import type { Charge, PaymentIntent, Refund } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

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
  const amount = text(parameters, "amount") === undefined ? left : positiveInteger(parameters, "amount");
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
