// PaymentIntents: created, confirmed with a test card, captured at once or by hand, cancelled.

import { findCard, type TestCard } from "./cards.ts";
import { invalid, StripeFault } from "./errors.ts";
import { metadataOf, type Parameters, text } from "./form.ts";
import type { Charge, Customer, Dispute, EmulatorStore, PaymentIntent, PaymentMethod } from "./store.ts";

const authorizationSeconds = 7 * 24 * 3600;

/** Stripe's fee, as it is for cards in the United States: 2.9 % and 30 of the minor unit. */
export const feeOf = (amount: number) => Math.round(amount * 0.029) + 30;

export function createIntent(store: EmulatorStore, parameters: Parameters): PaymentIntent {
  const amount = wholeNumber(parameters, "amount");
  const currency = text(parameters, "currency")?.toLowerCase();
  if (currency === undefined || !/^[a-z]{3}$/.test(currency)) throw invalid("Invalid currency.", "currency");
  const capture = text(parameters, "capture_method") ?? "automatic";
  if (capture !== "automatic" && capture !== "manual" && capture !== "automatic_async") {
    throw invalid("Invalid capture_method.", "capture_method");
  }
  const id = store.newId("pi");
  const customer = text(parameters, "customer");
  if (customer !== undefined) store.get<Customer>("customer", customer);
  const intent = store.put<PaymentIntent>({
    id,
    object: "payment_intent",
    amount,
    amount_capturable: 0,
    amount_received: 0,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: capture,
    client_secret: `${id}_secret_${store.newId("s").slice(2)}`,
    created: store.now(),
    currency,
    customer: customer ?? null,
    description: text(parameters, "description") ?? null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    metadata: metadataOf(parameters),
    next_action: null,
    payment_method: text(parameters, "payment_method") ?? null,
    setup_future_usage: text(parameters, "setup_future_usage") === "off_session" ? "off_session" : null,
    status:
      text(parameters, "payment_method") === undefined ? "requires_payment_method" : "requires_confirmation",
    transfer_group: text(parameters, "transfer_group") ?? null,
  });
  store.emit("payment_intent.created", intent);
  return text(parameters, "confirm") === "true" ? confirmIntent(store, id, parameters) : intent;
}

export function updateIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id);
  const amount = text(parameters, "amount");
  if (amount !== undefined) {
    requireStatus(intent, ["requires_payment_method", "requires_confirmation"], "update the amount of");
    intent.amount = wholeNumber(parameters, "amount");
  }
  if ("setup_future_usage" in parameters) {
    intent.setup_future_usage = parameters.setup_future_usage === "off_session" ? "off_session" : null;
  }
  Object.assign(intent.metadata, metadataOf(parameters));
  return intent;
}

/** @throws StripeFault 402 with the intent, whose last_payment_error says why, when the card declines */
export function confirmIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id);
  requireStatus(intent, ["requires_payment_method", "requires_confirmation", "requires_action"], "confirm");
  const method = text(parameters, "payment_method") ?? intent.payment_method;
  if (method === null)
    throw invalid("You cannot confirm this PaymentIntent: it has no payment method.", "payment_method");
  if (text(parameters, "off_session") === "true" && intent.setup_future_usage !== null) {
    throw invalid(
      "You cannot confirm with `off_session=true` when `setup_future_usage` is also set on the PaymentIntent.",
      "off_session",
    );
  }
  const known = store.find(method);
  if (known?.object === "payment_method" && (known.customer === null || known.customer !== intent.customer)) {
    throw invalid(
      "The provided PaymentMethod does not belong to the customer of this PaymentIntent.",
      "payment_method",
    );
  }
  const card = cardOf(store, method);
  if (card === undefined)
    throw invalid(`No such PaymentMethod: '${method}'`, "payment_method", "resource_missing");

  const charge = newCharge(store, intent, method, card);
  if (card.decline !== undefined) {
    const error = { type: "card_error" as const, ...card.decline, charge: charge.id };
    charge.status = "failed";
    charge.paid = false;
    intent.status = "requires_payment_method";
    intent.payment_method = null;
    intent.last_payment_error = error as unknown as PaymentIntent["last_payment_error"];
    store.emit("charge.failed", charge);
    store.emit("payment_intent.payment_failed", intent);
    throw new StripeFault(402, { ...error, payment_intent: intent });
  }
  intent.payment_method = attachedMethod(store, method, card, intent.customer);
  charge.payment_method = intent.payment_method;
  intent.last_payment_error = null;
  if (intent.capture_method === "manual") {
    charge.payment_method_details.card.capture_before = charge.created + authorizationSeconds;
    intent.status = "requires_capture";
    intent.amount_capturable = intent.amount;
    store.emit("payment_intent.amount_capturable_updated", intent);
    return intent;
  }
  takeMoney(store, intent, charge, intent.amount);
  if (card.disputed === true) dispute(store, intent, charge);
  return intent;
}

export function captureIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id);
  requireStatus(intent, ["requires_capture"], "capture");
  const amount =
    text(parameters, "amount_to_capture") === undefined
      ? intent.amount_capturable
      : wholeNumber(parameters, "amount_to_capture");
  if (amount > intent.amount_capturable)
    throw invalid("The amount is more than can be captured.", "amount_to_capture");
  takeMoney(store, intent, store.get<Charge>("charge", intent.latest_charge ?? ""), amount);
  return intent;
}

export function cancelIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id);
  requireStatus(
    intent,
    ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"],
    "cancel",
  );
  intent.status = "canceled";
  intent.amount_capturable = 0;
  intent.canceled_at = store.now();
  intent.cancellation_reason = (text(parameters, "cancellation_reason") ??
    null) as PaymentIntent["cancellation_reason"];
  store.emit("payment_intent.canceled", intent);
  return intent;
}

/** A card that is charged no more. */
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

function takeMoney(store: EmulatorStore, intent: PaymentIntent, charge: Charge, amount: number): void {
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

function dispute(store: EmulatorStore, intent: PaymentIntent, charge: Charge): void {
  const withdrawn = store.move({
    amount: -charge.amount_captured,
    currency: charge.currency,
    description: "Chargeback withdrawal",
    fee: 1500,
    reporting_category: "dispute",
    source: charge.id,
    type: "adjustment",
  });
  charge.disputed = true;
  const created = store.put<Dispute>({
    id: store.newId("dp"),
    object: "dispute",
    amount: charge.amount_captured,
    balance_transactions: [withdrawn],
    charge: charge.id,
    created: store.now(),
    currency: charge.currency,
    evidence: {},
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    payment_intent: intent.id,
    reason: "fraudulent",
    status: "needs_response",
  });
  withdrawn.source = created.id;
  store.emit("charge.dispute.created", created);
  store.emit("charge.dispute.funds_withdrawn", created);
}

function newCharge(store: EmulatorStore, intent: PaymentIntent, method: string, card: TestCard): Charge {
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

function cardOf(store: EmulatorStore, method: string): TestCard | undefined {
  const known = store.find(method);
  return findCard(known?.object === "payment_method" ? known.test_method : method);
}

/** pm_card_visa is a new payment method at each use, as at Stripe. */
function attachedMethod(
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

const brandOf = (card: TestCard) => (card.number.startsWith("5") ? "mastercard" : "visa");

function requireStatus(intent: PaymentIntent, allowed: string[], verb: string): void {
  if (allowed.includes(intent.status)) return;
  throw new StripeFault(400, {
    type: "invalid_request_error",
    code: "payment_intent_unexpected_state",
    message: `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`,
    payment_intent: intent,
  });
}

/** A whole number above zero, as amounts are. */
export function wholeNumber(parameters: Parameters, name: string): number {
  const value = text(parameters, name) ?? "";
  if (!/^[0-9]{1,8}$/.test(value) || Number(value) === 0) {
    throw invalid(
      "Invalid positive integer",
      name,
      value === "" ? "parameter_missing" : "parameter_invalid_integer",
    );
  }
  return Number(value);
}
