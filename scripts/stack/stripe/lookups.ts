// Customers and their cards, found by id.

import { missing } from "./errors.ts";
import type { Customer, DeletedCustomer, PaymentMethod } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

/** @throws StripeFault 404 for an unknown or deleted customer */
export function getCustomer(store: EmulatorStore, id: string, param = "customer"): Customer {
  const customer = store.get<Customer | DeletedCustomer>("customer", id, param);
  if ("deleted" in customer && customer.deleted === true) throw missing("customer", id, param);
  return customer as Customer;
}

/** The cards that a customer has saved, newest first. */
export function methodsOf(store: EmulatorStore, customer: string): PaymentMethod[] {
  return store.all<PaymentMethod>("payment_method").filter((method) => method.customer === customer);
}
