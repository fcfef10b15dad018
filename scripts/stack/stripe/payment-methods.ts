// Payment methods: test cards, and the cards that a customer has saved.

import { findCard, type TestCard } from "./cards.ts";
import { invalid } from "./errors.ts";
import type { PaymentMethod } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export const brandOf = (card: TestCard) => (card.number.startsWith("5") ? "mastercard" : "visa");

/** The test card behind a payment method: one in the store, or a name such as pm_card_visa. */
export function cardOf(store: EmulatorStore, method: string): TestCard | undefined {
  const stored = store.find(method);
  return findCard(stored?.object === "payment_method" ? stored.test_method : method);
}

/** The id of the payment method to record: each use of a name such as pm_card_visa creates a new one, as at Stripe. */
export function attachedMethod(
  store: EmulatorStore,
  method: string,
  card: TestCard,
  customer: string | null,
): string {
  if (store.find(method) !== undefined) return method;
  return store.put<PaymentMethod>({
    id: store.newId("pm"),
    object: "payment_method",
    card: { brand: brandOf(card), last4: card.number.slice(-4) },
    created: store.now(),
    customer,
    livemode: false,
    test_method: card.method,
    type: "card",
  }).id;
}

/** Removes a saved card from its customer. */
export function detachMethod(store: EmulatorStore, id: string): PaymentMethod {
  const method = store.get<PaymentMethod>("payment_method", id);
  if (method.customer === null) {
    throw invalid(
      "The payment method you provided is not attached to a customer so detachment is impossible.",
    );
  }
  method.customer = null;
  store.emit("payment_method.detached", method);
  return method;
}
