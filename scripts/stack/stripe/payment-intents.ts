// PaymentIntents: created, confirmed with a test card, captured at once or later, cancelled.

import { amountOf, chargeAmountOf, currencyOf, rulesOf } from "./amounts.ts";
import { asksForOwner, failedAuthentication, redirection } from "./authentication.ts";
import { authenticationRequired } from "./cards.ts";
import { captureCharge, createCharge } from "./charges.ts";
import { shippingOf } from "./details.ts";
import { declined, invalid, StripeFault } from "./errors.ts";
import { changed, flag, metadataOf, object, type Parameters, text } from "./form.ts";
import { getCustomer } from "./lookups.ts";
import type { Charge, PaymentIntent, PaymentMethod } from "./objects.ts";
import { attachTo, cardOf, usableMethod } from "./payment-methods.ts";
import type { EmulatorStore } from "./store.ts";

export function createIntent(store: EmulatorStore, parameters: Parameters, baseUrl: string): PaymentIntent {
  const currency = currencyOf(parameters);
  const amount = chargeAmountOf(parameters, "amount", currency, store.settings.conversions[currency.code]);
  const customer = text(parameters, "customer") ?? null;
  if (customer !== null) getCustomer(store, customer);
  const confirms = flag(parameters, "confirm");
  for (const name of ["error_on_requires_action", "off_session", "return_url"]) {
    if (name in parameters && !confirms) {
      throw invalid(`The parameter \`${name}\` can only be used when \`confirm=true\`.`, name);
    }
  }
  const method = text(parameters, "payment_method");
  const usable = method === undefined ? undefined : usableMethod(store, method, customer);
  const id = store.newId("pi");
  const intent = store.put<PaymentIntent>({
    id,
    object: "payment_intent",
    allowed_payment_method_types: allowedTypes(parameters),
    amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: automaticOf(parameters),
    canceled_at: null,
    cancellation_reason: null,
    capture_method: (text(parameters, "capture_method") ??
      "automatic_async") as PaymentIntent["capture_method"],
    client_secret: `${id}_secret_${store.newId("s").slice(2)}`,
    confirmation_method: "automatic",
    created: store.now(),
    currency: currency.code,
    customer,
    customer_account: null,
    description: text(parameters, "description") ?? null,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: false,
    managed_payments: null,
    metadata: metadataOf(parameters),
    next_action: null,
    on_behalf_of: null,
    payment_method: usable?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: "automatic",
      },
    },
    payment_method_types: ["card"],
    payment_record: null,
    processing: null,
    receipt_email: text(parameters, "receipt_email") ?? null,
    review: null,
    setup_future_usage: futureUsage(parameters, null),
    shipping: shippingOf(parameters, null) as PaymentIntent["shipping"],
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: usable === undefined ? "requires_payment_method" : "requires_confirmation",
    transfer_data: null,
    transfer_group: text(parameters, "transfer_group") ?? null,
  });
  store.emit("payment_intent.created", intent);
  return confirms ? confirmIntent(store, id, parameters, baseUrl) : intent;
}

/** The payment method types that a request names: cards, as the emulator has no others. */
export function allowedTypes(parameters: Parameters): "card"[] | null {
  return "allowed_payment_method_types" in parameters ? ["card"] : null;
}

/** Without a list of payment method types, Stripe takes those that are enabled in its dashboard. */
export function automaticOf(
  parameters: Parameters,
): { allow_redirects: "always" | "never"; enabled: boolean } | null {
  if ("automatic_payment_methods" in parameters) {
    const given = object(parameters, "automatic_payment_methods");
    if (!("enabled" in given)) {
      throw invalid(
        "Missing required param: automatic_payment_methods[enabled].",
        "automatic_payment_methods[enabled]",
        "parameter_missing",
      );
    }
    const redirects = text(given, "allow_redirects") === "never" ? "never" : "always";
    return flag(given, "enabled") ? { allow_redirects: redirects, enabled: true } : null;
  }
  return "allowed_payment_method_types" in parameters ? null : { allow_redirects: "always", enabled: true };
}

function futureUsage(
  parameters: Parameters,
  before: PaymentIntent["setup_future_usage"],
): PaymentIntent["setup_future_usage"] {
  if (!("setup_future_usage" in parameters)) return before;
  return (text(parameters, "setup_future_usage") ?? null) as PaymentIntent["setup_future_usage"];
}

export function updateIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id, "intent");
  const open: string[] = ["requires_payment_method", "requires_confirmation", "requires_action"];
  const fixed = ["amount", "capture_method", "currency", "customer", "payment_method", "setup_future_usage"];
  if (!open.includes(intent.status)) {
    for (const name of fixed) if (name in parameters) requireStatus(intent, open, `update the ${name} of`);
  }
  const currency = "currency" in parameters ? currencyOf(parameters) : rulesOf(intent.currency);
  const conversion = store.settings.conversions[currency.code];
  const amount =
    "amount" in parameters || "currency" in parameters
      ? chargeAmountOf({ amount: String(intent.amount), ...parameters }, "amount", currency, conversion)
      : intent.amount;
  const customer = text(parameters, "customer") ?? intent.customer;
  if (customer !== intent.customer && customer !== null) getCustomer(store, customer);
  if ("payment_method" in parameters) {
    const method = text(parameters, "payment_method");
    intent.payment_method = method === undefined ? null : usableMethod(store, method, customer).id;
    intent.status = method === undefined ? "requires_payment_method" : "requires_confirmation";
    intent.next_action = null;
  }
  return Object.assign(intent, {
    amount,
    capture_method: text(parameters, "capture_method") ?? intent.capture_method,
    currency: currency.code,
    customer,
    description: changed(parameters, "description", intent.description),
    metadata: metadataOf(parameters, intent.metadata),
    receipt_email: changed(parameters, "receipt_email", intent.receipt_email),
    setup_future_usage: futureUsage(parameters, intent.setup_future_usage),
    shipping: shippingOf(parameters, intent.shipping),
    transfer_group: text(parameters, "transfer_group") ?? intent.transfer_group,
  });
}

/**
 * @param baseUrl the emulator's own address, for the page of 3-D Secure
 * @throws StripeFault 402 when the card is declined; the intent in its body has the reason in last_payment_error
 */
export function confirmIntent(
  store: EmulatorStore,
  id: string,
  parameters: Parameters,
  baseUrl: string,
): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id, "intent");
  requireStatus(intent, ["requires_payment_method", "requires_confirmation", "requires_action"], "confirm");
  const usage = futureUsage(parameters, intent.setup_future_usage);
  const given = text(parameters, "payment_method") ?? intent.payment_method;
  if (given === null) {
    throw invalid(
      "You cannot confirm this PaymentIntent because it's missing a payment method. Update the PaymentIntent with a payment method and then confirm it again.",
      "payment_method",
      "payment_intent_unexpected_state",
    );
  }
  const isOffSession = flag(parameters, "off_session");
  if (isOffSession && usage !== null) {
    throw invalid(
      "You cannot confirm with `off_session=true` when `setup_future_usage` is also set on the PaymentIntent.",
      "off_session",
    );
  }
  const returnUrl = text(parameters, "return_url");
  if (
    intent.automatic_payment_methods?.allow_redirects === "always" &&
    returnUrl === undefined &&
    !isOffSession
  ) {
    throw invalid(
      "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
      "return_url",
    );
  }
  const method = usableMethod(store, given, intent.customer);
  intent.setup_future_usage = usage;
  intent.capture_method = (text(parameters, "capture_method") ??
    intent.capture_method) as PaymentIntent["capture_method"];
  intent.receipt_email = changed(parameters, "receipt_email", intent.receipt_email);
  intent.shipping = shippingOf(parameters, intent.shipping) as PaymentIntent["shipping"];

  const card = cardOf(method);
  if (asksForOwner(card, method) && card.decline === undefined) {
    if (isOffSession || flag(parameters, "error_on_requires_action")) {
      return refuse(store, intent, method, authenticationRequired);
    }
    intent.payment_method = method.id;
    intent.status = "requires_action";
    intent.next_action = redirection(intent, baseUrl, returnUrl);
    store.emit("payment_intent.requires_action", intent);
    return intent;
  }
  return pay(store, intent, method, false);
}

/** What the owner of the card did on the page of 3-D Secure. */
export function authenticateIntent(store: EmulatorStore, id: string, passes: boolean): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id);
  requireStatus(intent, ["requires_action"], "authenticate");
  const method = store.get<PaymentMethod>("payment_method", intent.payment_method ?? "");
  intent.next_action = null;
  if (passes) return pay(store, intent, method, true);
  intent.status = "requires_payment_method";
  intent.payment_method = null;
  intent.last_payment_error = {
    ...failedAuthentication,
    payment_method: shown(method),
  } as unknown as PaymentIntent["last_payment_error"];
  store.emit("payment_intent.payment_failed", intent);
  return intent;
}

/** A payment method as answers show it. */
const shown = ({ emulator: _hidden, ...method }: PaymentMethod) => structuredClone(method);

function pay(
  store: EmulatorStore,
  intent: PaymentIntent,
  method: PaymentMethod,
  isAuthenticated: boolean,
): PaymentIntent {
  const card = cardOf(method);
  if (card.decline !== undefined) return refuse(store, intent, method, card.decline);
  intent.next_action = null;
  intent.payment_method = method.id;
  intent.last_payment_error = null;
  if (isAuthenticated) method.emulator.authenticated = true;
  if (method.customer === null) {
    if (intent.setup_future_usage !== null && intent.customer !== null)
      attachTo(store, method, intent.customer);
    else method.emulator.spent = true;
  }
  const charge = createCharge(store, intent, method, isAuthenticated);
  intent.latest_charge = charge.id;
  if (intent.capture_method === "manual") {
    intent.status = "requires_capture";
    intent.amount_capturable = intent.amount;
    store.emit("charge.succeeded", charge);
    store.emit("payment_intent.amount_capturable_updated", intent);
    return intent;
  }
  captureCharge(store, intent, charge, intent.amount);
  return intent;
}

function refuse(
  store: EmulatorStore,
  intent: PaymentIntent,
  method: PaymentMethod,
  decline: { code: string; decline_code?: string; message: string },
): never {
  const charge = createCharge(store, intent, method, false, decline);
  intent.latest_charge = charge.id;
  const details = { charge: charge.id, payment_method: shown(method) };
  intent.status = "requires_payment_method";
  intent.payment_method = null;
  intent.next_action = null;
  intent.last_payment_error = {
    type: "card_error",
    ...decline,
    ...details,
  } as unknown as PaymentIntent["last_payment_error"];
  store.emit("charge.failed", charge);
  store.emit("payment_intent.payment_failed", intent);
  throw declined(decline, { ...details, payment_intent: intent });
}

export function captureIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id, "intent");
  requireStatus(intent, ["requires_capture"], "capture");
  const amount =
    text(parameters, "amount_to_capture") === undefined
      ? intent.amount_capturable
      : amountOf(parameters, "amount_to_capture", rulesOf(intent.currency));
  if (amount > intent.amount_capturable) {
    throw invalid(
      `The amount could not be captured because it is greater than the capturable amount: ${intent.amount_capturable}.`,
      "amount_to_capture",
      "amount_too_large",
    );
  }
  intent.metadata = metadataOf(parameters, intent.metadata);
  captureCharge(store, intent, store.get<Charge>("charge", intent.latest_charge ?? ""), amount);
  return intent;
}

export function cancelIntent(store: EmulatorStore, id: string, parameters: Parameters): PaymentIntent {
  const intent = store.get<PaymentIntent>("payment_intent", id, "intent");
  requireStatus(
    intent,
    ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"],
    "cancel",
  );
  intent.status = "canceled";
  intent.amount_capturable = 0;
  intent.canceled_at = store.now();
  intent.next_action = null;
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
