// Charges: what a confirmed PaymentIntent asks of a card, and the money that a capture brings in.

import type { TestCard } from "./cards.ts";
import type { Charge, PaymentIntent } from "./objects.ts";
import { brandOf } from "./payment-methods.ts";
import type { EmulatorStore } from "./store.ts";

/** Stripe's fee for cards in the United States, in minor units: 2.9 % and 30 more. */
export const feeOf = (amount: number) => Math.round(amount * 0.029) + 30;

/** Creates the charge of an intent, not captured yet. */
export function createCharge(
  store: EmulatorStore,
  intent: PaymentIntent,
  method: string,
  card: TestCard,
): Charge {
  const charge = store.put<Charge>({
    id: store.newId("ch"),
    object: "charge",
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    balance_transaction: null,
    captured: false,
    created: store.now(),
    currency: intent.currency,
    customer: intent.customer,
    disputed: false,
    livemode: false,
    metadata: { ...intent.metadata },
    paid: true,
    payment_intent: intent.id,
    payment_method: method,
    payment_method_details: { type: "card", card: { brand: brandOf(card), last4: card.number.slice(-4) } },
    refunded: false,
    status: "succeeded",
    transfer_group: intent.transfer_group,
  });
  intent.latest_charge = charge.id;
  return charge;
}

/** Captures `amount` (minor units) of a charge, which completes its intent. */
export function captureCharge(
  store: EmulatorStore,
  intent: PaymentIntent,
  charge: Charge,
  amount: number,
): void {
  const transaction = store.move({
    amount,
    currency: intent.currency,
    description: intent.description,
    fee: feeOf(amount),
    reporting_category: "charge",
    source: charge.id,
    type: "charge",
  });
  Object.assign(charge, { captured: true, amount_captured: amount, balance_transaction: transaction.id });
  intent.status = "succeeded";
  intent.amount_received = amount;
  intent.amount_capturable = 0;
  store.emit("charge.succeeded", charge);
  store.emit("payment_intent.succeeded", intent);
}
