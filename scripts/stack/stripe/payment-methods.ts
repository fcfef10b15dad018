// Payment methods: test cards, and the cards that a customer has saved.

import type Stripe from "stripe";
import { findCard, type TestCard } from "./cards.ts";
import { addressOf } from "./details.ts";
import { declined, invalid, lacking } from "./errors.ts";
import { changed, metadataOf, object, type Parameters, text } from "./form.ts";
import { getCustomer } from "./lookups.ts";
import type { PaymentMethod } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export const brandOf = (card: TestCard) => (card.number.startsWith("5") ? "mastercard" : "visa");

/** Cards with one number have one fingerprint. */
const fingerprintOf = (card: TestCard) => `emulated${card.number.slice(-8)}`;

/** The test card behind a stored payment method. */
export function cardOf(method: PaymentMethod): TestCard {
  const card = findCard(method.emulator.card);
  if (card === undefined) throw new Error(`There is no test card ${method.emulator.card}.`);
  return card;
}

const noBilling: Stripe.PaymentMethod.BillingDetails = {
  address: { city: null, country: null, line1: null, line2: null, postal_code: null, state: null },
  email: null,
  name: null,
  phone: null,
  tax_id: null,
};

/** Stores a new payment method for a test card, attached to no customer. */
export function putMethod(store: EmulatorStore, card: TestCard): PaymentMethod {
  return store.put<PaymentMethod>({
    id: store.newId("pm"),
    object: "payment_method",
    allow_redisplay: "unspecified",
    billing_details: { ...noBilling },
    card: {
      brand: brandOf(card),
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
      country: "US",
      display_brand: brandOf(card),
      exp_month: 12,
      exp_year: new Date(store.now() * 1000).getUTCFullYear() + 4,
      fingerprint: fingerprintOf(card),
      funding: "credit",
      generated_from: null,
      last4: card.number.slice(-4),
      networks: { available: [brandOf(card)], preferred: null },
      regulated_status: "unregulated",
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: store.now(),
    customer: null,
    customer_account: null,
    emulator: { authenticated: false, card: card.method, spent: false },
    livemode: false,
    metadata: {},
    type: "card",
  });
}

/**
 * The payment method that a request names: a stored one, or a new one for a name such as pm_card_visa.
 * @throws StripeFault 400 for an unknown one and for one that may not be used again
 */
export function usableMethod(store: EmulatorStore, id: string, customer: string | null): PaymentMethod {
  const stored = store.find(id);
  if (stored?.object !== "payment_method") {
    const card = findCard(id);
    if (card === undefined || card.method !== id) {
      throw invalid(`No such PaymentMethod: '${id}'`, "payment_method", "resource_missing");
    }
    return putMethod(store, card);
  }
  if (stored.customer === null && stored.emulator.spent) {
    throw invalid(
      "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
      "payment_method",
    );
  }
  if (stored.customer !== null && stored.customer !== customer) {
    throw invalid(
      "The provided PaymentMethod does not belong to the customer of this PaymentIntent.",
      "payment_method",
    );
  }
  return stored;
}

export function createMethod(store: EmulatorStore, parameters: Parameters): PaymentMethod {
  if (text(parameters, "type") === undefined) {
    throw invalid("Missing required param: type.", "type", "parameter_missing");
  }
  const given = object(parameters, "card");
  const number = text(given, "number");
  const token = text(given, "token");
  if (number === undefined && token === undefined) {
    throw invalid("Missing required param: card[number].", "card[number]", "parameter_missing");
  }
  const card = findCard(number ?? `pm_card_${token?.replace(/^tok_/, "")}`);
  if (card === undefined) {
    if (number === undefined) throw invalid(`No such token: '${token}'`, "card[token]", "resource_missing");
    throw lacking("cards other than Stripe's test cards", "card[number]");
  }
  const method = putMethod(store, card);
  return changeMethod(store, method, parameters);
}

export function updateMethod(store: EmulatorStore, id: string, parameters: Parameters): PaymentMethod {
  const method = store.get<PaymentMethod>("payment_method", id, "payment_method");
  if (method.customer === null) {
    throw invalid(
      "You must save this PaymentMethod to a customer before you can update it.",
      "payment_method",
    );
  }
  changeMethod(store, method, parameters);
  store.emit("payment_method.updated", method);
  return method;
}

function changeMethod(store: EmulatorStore, method: PaymentMethod, parameters: Parameters): PaymentMethod {
  const card = object(parameters, "card");
  const month = Number(text(card, "exp_month") ?? method.card.exp_month);
  const year = Number(text(card, "exp_year") ?? method.card.exp_year);
  if (month < 1 || month > 12) {
    throw invalid("Your card's expiration month is invalid.", "card[exp_month]", "invalid_expiry_month");
  }
  if (Date.UTC(year, month) <= store.now() * 1000) {
    throw invalid("Your card's expiration year is invalid.", "card[exp_year]", "invalid_expiry_year");
  }
  const billing = object(parameters, "billing_details");
  method.card.exp_month = month;
  method.card.exp_year = year;
  method.metadata = metadataOf(parameters, method.metadata);
  method.allow_redisplay = (text(parameters, "allow_redisplay") ??
    method.allow_redisplay) as PaymentMethod["allow_redisplay"] & string;
  method.billing_details = {
    address: addressOf(billing, method.billing_details.address) ?? noBilling.address,
    email: changed(billing, "email", method.billing_details.email),
    name: changed(billing, "name", method.billing_details.name),
    phone: changed(billing, "phone", method.billing_details.phone),
    tax_id: null,
  };
  return method;
}

/** Saves a card for a customer. */
export function attachMethod(store: EmulatorStore, id: string, parameters: Parameters): PaymentMethod {
  const customer = getCustomer(store, text(parameters, "customer") ?? "");
  const stored = store.find(id);
  if (stored?.object === "payment_method" && stored.customer !== null && stored.customer !== customer.id) {
    throw invalid(
      "The payment method you provided has already been attached to a customer.",
      "payment_method",
    );
  }
  const method = usableMethod(store, id, customer.id);
  const { decline } = cardOf(method);
  if (decline !== undefined) throw declined(decline);
  return attachTo(store, method, customer.id);
}

export function attachTo(store: EmulatorStore, method: PaymentMethod, customer: string): PaymentMethod {
  if (method.customer === customer) return method;
  method.customer = customer;
  store.emit("payment_method.attached", method);
  return method;
}

/** Removes a saved card from its customer. */
export function detachMethod(store: EmulatorStore, id: string): PaymentMethod {
  const method = store.get<PaymentMethod>("payment_method", id, "payment_method");
  if (method.customer === null) {
    throw invalid(
      "The payment method you provided is not attached to a customer so detachment is impossible.",
      "payment_method",
    );
  }
  method.customer = null;
  method.emulator.spent = true;
  store.emit("payment_method.detached", method);
  return method;
}
