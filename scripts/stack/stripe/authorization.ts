// API keys: a secret key may do everything, the others what an app does with one intent or one customer.

import type { IncomingMessage } from "node:http";
import { customerOfKey } from "./ephemeral-keys.ts";
import { lacking, StripeFault } from "./errors.ts";
import { type Parameters, text } from "./form.ts";
import type { EmulatorStore } from "./store.ts";

export interface Keys {
  secret: string;
  publishable: string;
}

/** @throws StripeFault 401 for a key that may not send the request */
export function authorize(
  store: EmulatorStore,
  keys: Keys,
  request: IncomingMessage,
  name: string,
  parameters: Parameters,
): void {
  const key = keyOf(request);
  if (key !== keys.secret) {
    const customer = customerOfKey(store, key);
    const mayGo =
      key === keys.publishable
        ? mayPublishable(store, name, parameters)
        : customer !== undefined && mayEphemeral(store, customer, name, parameters);
    if (!mayGo) {
      throw new StripeFault(401, { type: "invalid_request_error", message: "Invalid API Key provided." });
    }
  }
  for (const header of ["stripe-account", "stripe-context"]) {
    if (request.headers[header] !== undefined) throw lacking(`the header ${header}`);
  }
}

function keyOf(request: IncomingMessage): string {
  const authorization = request.headers.authorization ?? "";
  return authorization.startsWith("Basic ")
    ? (Buffer.from(authorization.slice(6), "base64").toString().split(":")[0] ?? "")
    : authorization.replace(/^Bearer /, "");
}

/** A publishable key may read and confirm an intent whose client secret it sends, and describe a card. */
function mayPublishable(store: EmulatorStore, name: string, parameters: Parameters): boolean {
  if (name === "POST /v1/payment_methods") return true;
  const intent =
    /^(?:GET \/v1\/(?:payment|setup)_intents\/(\w+)|POST \/v1\/(?:payment|setup)_intents\/(\w+)\/confirm)$/.exec(
      name,
    );
  const item = store.find(intent?.[1] ?? intent?.[2] ?? "");
  if (item?.object !== "payment_intent" && item?.object !== "setup_intent") return false;
  return item.client_secret === text(parameters, "client_secret");
}

/** An ephemeral key may read and change its customer and the customer's cards. */
function mayEphemeral(store: EmulatorStore, customer: string, name: string, parameters: Parameters): boolean {
  if (new RegExp(`^(GET|POST) /v1/customers/${customer}$`).test(name)) return true;
  if (name === `GET /v1/customers/${customer}/payment_methods`) return true;
  if (name === "GET /v1/payment_methods") return text(parameters, "customer") === customer;
  const [, id = "", action = ""] = /^POST \/v1\/payment_methods\/(\w+)\/(attach|detach)$/.exec(name) ?? [];
  if (action === "attach") return text(parameters, "customer") === customer;
  const method = store.find(id);
  return method?.object === "payment_method" && method.customer === customer;
}
