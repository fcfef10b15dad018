// The platform's balance, by currency.

import type { BalanceTransaction } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function balance(store: EmulatorStore) {
  const sums = new Map<string, number>();
  for (const { currency, net } of store.all<BalanceTransaction>("balance_transaction")) {
    sums.set(currency, (sums.get(currency) ?? 0) + net);
  }
  return {
    object: "balance" as const,
    available: [...sums].map(([currency, amount]) => ({ amount, currency, source_types: { card: amount } })),
    livemode: false,
    pending: [...sums.keys()].map((currency) => ({ amount: 0, currency, source_types: { card: 0 } })),
  };
}
