// Customers, whose cards can be saved.

import { addressOf, shippingOf } from "./details.ts";
import { missing } from "./errors.ts";
import { changed, metadataOf, object, type Parameters, text } from "./form.ts";
import { getCustomer, methodsOf } from "./lookups.ts";
import type { Customer, DeletedCustomer, PaymentMethod } from "./objects.ts";
import { attachMethod } from "./payment-methods.ts";
import type { EmulatorStore } from "./store.ts";

export function createCustomer(store: EmulatorStore, parameters: Parameters): Customer {
  const customer = store.put<Customer>({
    id: store.newId("cus"),
    object: "customer",
    address: null,
    balance: 0,
    created: store.now(),
    currency: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: null,
    invoice_prefix: store.newId("").slice(1, 9).toUpperCase(),
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: {},
    name: null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: "none",
    test_clock: null,
  });
  const method = text(parameters, "payment_method");
  change(store, customer, parameters);
  store.emit("customer.created", customer);
  if (method !== undefined) attachMethod(store, method, { customer: customer.id });
  return customer;
}

export function updateCustomer(store: EmulatorStore, id: string, parameters: Parameters): Customer {
  const customer = change(store, getCustomer(store, id), parameters);
  store.emit("customer.updated", customer);
  return customer;
}

function change(store: EmulatorStore, customer: Customer, parameters: Parameters): Customer {
  const settings = object(parameters, "invoice_settings");
  const method = text(settings, "default_payment_method");
  if (method !== undefined) {
    const param = "invoice_settings[default_payment_method]";
    const stored = store.get<PaymentMethod>("payment_method", method, param);
    if (stored.customer !== customer.id) throw missing("payment_method", method, param);
  }
  return Object.assign(customer, {
    address: addressOf(parameters, customer.address),
    description: changed(parameters, "description", customer.description),
    email: changed(parameters, "email", customer.email),
    invoice_settings: {
      ...customer.invoice_settings,
      default_payment_method:
        "default_payment_method" in settings
          ? (method ?? null)
          : customer.invoice_settings.default_payment_method,
    },
    metadata: metadataOf(parameters, customer.metadata),
    name: changed(parameters, "name", customer.name),
    phone: changed(parameters, "phone", customer.phone),
    shipping: shippingOf(parameters, customer.shipping),
  });
}

/** Deletes a customer and detaches the customer's cards. */
export function deleteCustomer(store: EmulatorStore, id: string): DeletedCustomer {
  const customer = getCustomer(store, id);
  store.emit("customer.deleted", customer);
  for (const { id: saved } of methodsOf(store, id)) {
    const method = store.get<PaymentMethod>("payment_method", saved);
    method.customer = null;
    method.emulator.spent = true;
  }
  return store.put<DeletedCustomer>({ id, object: "customer", deleted: true });
}
