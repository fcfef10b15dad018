// PaymentIntents: created, confirmed with a test card, captured at once or later, cancelled.

import { captureCharge, createCharge } from "./charges.ts";
import { openDispute } from "./disputes.ts";
import { invalid, StripeFault } from "./errors.ts";
import { metadataOf, type Parameters, positiveInteger, text } from "./form.ts";
import type { Charge, Customer, PaymentIntent } from "./objects.ts";
import { attachedMethod, cardOf } from "./payment-methods.ts";
import type { EmulatorStore } from "./store.ts";

const authorizationSeconds = 7 * 24 * 3600;

export function createIntent(store: EmulatorStore, parameters: Parameters): PaymentIntent {
  const amount = positiveInteger(parameters, "amount");
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
    intent.amount = positiveInteger(parameters, "amount");
  }
  if ("setup_future_usage" in parameters) {
    intent.setup_future_usage = parameters.setup_future_usage === "off_session" ? "off_session" : null;
  }
  Object.assign(intent.metadata, metadataOf(parameters));
  return intent;
}

/** @throws StripeFault 402 when the card is declined; the intent in its body has the reason in last_payment_error */
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
  const stored = store.find(method);
  if (
    stored?.object === "payment_method" &&
    (stored.customer === null || stored.customer !== intent.customer)
  ) {
    throw invalid(
      "The provided PaymentMethod does not belong to the customer of this PaymentIntent.",
      "payment_method",
    );
  }
  const card = cardOf(store, method);
  if (card === undefined)
    throw invalid(`No such PaymentMethod: '${method}'`, "payment_method", "resource_missing");

  const charge = createCharge(store, intent, method, card);
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
  captureCharge(store, intent, charge, intent.amount);
  if (card.disputed === true) openDispute(store, intent, charge);
  return intent;
}

export function captureIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id);
  requireStatus(intent, ["requires_capture"], "capture");
  const amount =
    text(parameters, "amount_to_capture") === undefined
      ? intent.amount_capturable
      : positiveInteger(parameters, "amount_to_capture");
  if (amount > intent.amount_capturable)
    throw invalid("The amount is more than can be captured.", "amount_to_capture");
  captureCharge(store, intent, store.get<Charge>("charge", intent.latest_charge ?? ""), amount);
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

function requireStatus(intent: PaymentIntent, allowed: string[], verb: string): void {
  if (allowed.includes(intent.status)) return;
  throw new StripeFault(400, {
    type: "invalid_request_error",
    code: "payment_intent_unexpected_state",
    message: `You cannot ${verb} this PaymentIntent because it has a status of ${intent.status}.`,
    payment_intent: intent,
  });
}
