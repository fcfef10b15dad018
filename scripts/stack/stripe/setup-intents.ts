// SetupIntents: a card is saved for a customer without a payment.

import { asksForOwner, failedAuthentication, redirection } from "./authentication.ts";
import { declined, invalid, StripeFault } from "./errors.ts";
import { flag, metadataOf, type Parameters, text } from "./form.ts";
import { getCustomer } from "./lookups.ts";
import type { PaymentMethod, SetupIntent } from "./objects.ts";
import { allowedTypes, automaticOf } from "./payment-intents.ts";
import { attachTo, cardOf, usableMethod } from "./payment-methods.ts";
import type { EmulatorStore } from "./store.ts";

export function createSetup(store: EmulatorStore, parameters: Parameters, baseUrl: string): SetupIntent {
  const customer = text(parameters, "customer") ?? null;
  if (customer !== null) getCustomer(store, customer);
  const confirms = flag(parameters, "confirm");
  if ("return_url" in parameters && !confirms) {
    throw invalid("The parameter `return_url` can only be used when `confirm=true`.", "return_url");
  }
  const method = text(parameters, "payment_method");
  const usable = method === undefined ? undefined : usableMethod(store, method, customer);
  const id = store.newId("seti");
  const setup = store.put<SetupIntent>({
    id,
    object: "setup_intent",
    allowed_payment_method_types: allowedTypes(parameters),
    application: null,
    automatic_payment_methods: automaticOf(parameters),
    cancellation_reason: null,
    client_secret: `${id}_secret_${store.newId("s").slice(2)}`,
    created: store.now(),
    customer,
    customer_account: null,
    description: text(parameters, "description") ?? null,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    mandate: null,
    metadata: metadataOf(parameters),
    next_action: null,
    on_behalf_of: null,
    payment_method: usable?.id ?? null,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: { mandate_options: null, network: null, request_three_d_secure: "automatic" },
    },
    payment_method_types: ["card"],
    single_use_mandate: null,
    status: usable === undefined ? "requires_payment_method" : "requires_confirmation",
    usage: text(parameters, "usage") ?? "off_session",
  });
  store.emit("setup_intent.created", setup);
  return confirms ? confirmSetup(store, id, parameters, baseUrl) : setup;
}

export function updateSetup(store: EmulatorStore, id: string, parameters: Parameters): SetupIntent {
  const setup = store.get<SetupIntent>("setup_intent", id, "intent");
  const customer = text(parameters, "customer") ?? setup.customer;
  if (customer !== setup.customer && customer !== null) getCustomer(store, customer);
  const method = text(parameters, "payment_method");
  if (method !== undefined || customer !== setup.customer) requireOpen(setup, "update");
  if (method !== undefined) {
    setup.payment_method = usableMethod(store, method, customer).id;
    setup.status = "requires_confirmation";
  }
  return Object.assign(setup, {
    customer,
    description: text(parameters, "description") ?? setup.description,
    metadata: metadataOf(parameters, setup.metadata),
  });
}

/** @throws StripeFault 402 when the card is declined; the SetupIntent in its body has the reason in last_setup_error */
export function confirmSetup(
  store: EmulatorStore,
  id: string,
  parameters: Parameters,
  baseUrl: string,
): SetupIntent {
  const setup = store.get<SetupIntent>("setup_intent", id, "intent");
  requireOpen(setup, "confirm");
  const given = text(parameters, "payment_method") ?? setup.payment_method;
  if (given === null) {
    throw invalid(
      "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again.",
      "payment_method",
      "setup_intent_unexpected_state",
    );
  }
  const returnUrl = text(parameters, "return_url");
  if (setup.automatic_payment_methods?.allow_redirects === "always" && returnUrl === undefined) {
    throw invalid(
      "This SetupIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`.",
      "return_url",
    );
  }
  const method = usableMethod(store, given, setup.customer);
  const card = cardOf(method);
  if (card.decline !== undefined) return refuse(store, setup, card.decline);
  setup.payment_method = method.id;
  if (asksForOwner(card, method)) {
    setup.status = "requires_action";
    setup.next_action = redirection(setup, baseUrl, returnUrl);
    store.emit("setup_intent.requires_action", setup);
    return setup;
  }
  return save(store, setup, method);
}

/** What the owner of the card did on the page of 3-D Secure. */
export function authenticateSetup(store: EmulatorStore, id: string, passes: boolean): SetupIntent {
  const setup = store.get<SetupIntent>("setup_intent", id);
  if (setup.status !== "requires_action") requireOpen({ ...setup, status: "succeeded" }, "authenticate");
  const method = store.get<PaymentMethod>("payment_method", setup.payment_method ?? "");
  setup.next_action = null;
  if (passes) {
    method.emulator.authenticated = true;
    return save(store, setup, method);
  }
  setup.status = "requires_payment_method";
  setup.payment_method = null;
  setup.last_setup_error = {
    ...failedAuthentication,
    code: "setup_intent_authentication_failure",
  } as unknown as SetupIntent["last_setup_error"];
  store.emit("setup_intent.setup_failed", setup);
  return setup;
}

function save(store: EmulatorStore, setup: SetupIntent, method: PaymentMethod): SetupIntent {
  setup.status = "succeeded";
  setup.next_action = null;
  setup.last_setup_error = null;
  if (setup.customer !== null) attachTo(store, method, setup.customer);
  store.emit("setup_intent.succeeded", setup);
  return setup;
}

function refuse(
  store: EmulatorStore,
  setup: SetupIntent,
  decline: { code: string; decline_code?: string; message: string },
): never {
  setup.status = "requires_payment_method";
  setup.payment_method = null;
  setup.last_setup_error = { type: "card_error", ...decline } as unknown as SetupIntent["last_setup_error"];
  store.emit("setup_intent.setup_failed", setup);
  throw declined(decline, { setup_intent: setup });
}

export function cancelSetup(store: EmulatorStore, id: string, parameters: Parameters): SetupIntent {
  const setup = store.get<SetupIntent>("setup_intent", id, "intent");
  requireOpen(setup, "cancel");
  setup.status = "canceled";
  setup.next_action = null;
  setup.cancellation_reason = (text(parameters, "cancellation_reason") ??
    null) as SetupIntent["cancellation_reason"];
  store.emit("setup_intent.canceled", setup);
  return setup;
}

function requireOpen(setup: SetupIntent, verb: string): void {
  if (setup.status !== "succeeded" && setup.status !== "canceled") return;
  throw new StripeFault(400, {
    type: "invalid_request_error",
    code: "setup_intent_unexpected_state",
    message: `You cannot ${verb} this SetupIntent because it has a status of ${setup.status}.`,
    setup_intent: setup,
  });
}
