// What banks do after a payment: disputes, inquiries and warnings of fraud, by test card or when a test asks for them.

import type { TestCard } from "./cards.ts";
import { openDispute } from "./disputes.ts";
import type { Charge, EarlyFraudWarning } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function sequelOf(store: EmulatorStore, charge: Charge, sequel: TestCard["sequel"]): void {
  if (sequel === "dispute") openDispute(store, charge, {});
  if (sequel === "inquiry") openDispute(store, charge, { inquiry: true });
  if (sequel === "early fraud warning") warnOfFraud(store, charge, "made_with_stolen_card");
}

/** The bank tells that it believes a payment to be fraudulent; a dispute may follow. */
export function warnOfFraud(store: EmulatorStore, charge: Charge, fraudType: string): EarlyFraudWarning {
  const warning = store.put<EarlyFraudWarning>({
    id: store.newId("issfr"),
    object: "radar.early_fraud_warning",
    actionable: !charge.refunded && !charge.disputed,
    charge: charge.id,
    created: store.now(),
    fraud_type: fraudType,
    livemode: false,
    ...(charge.payment_intent === null ? {} : { payment_intent: charge.payment_intent }),
  });
  store.emit("radar.early_fraud_warning.created", warning);
  return warning;
}
