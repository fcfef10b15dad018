// Routes: the part of Stripe's API that the emulator has. What each takes is in contract.ts.

import { checkExpansions, expand } from "./answers.ts";
import { balance } from "./balance.ts";
import { updateCharge } from "./charges.ts";
import { createAccount, createAccountLink, createLoginLink, updateAccount } from "./connect.ts";
import { contracts, type RouteName } from "./contract.ts";
import { createCustomer, deleteCustomer, updateCustomer } from "./customers.ts";
import { closeDispute, updateDispute } from "./disputes.ts";
import { createKey, deleteKey } from "./ephemeral-keys.ts";
import { missing, StripeFault } from "./errors.ts";
import { list, metadataOf, type Parameters } from "./form.ts";
import { page } from "./lists.ts";
import { getCustomer, methodsOf } from "./lookups.ts";
import type { Item, Transfer } from "./objects.ts";
import { checkParameters } from "./parameters.ts";
import { cancelIntent, captureIntent, confirmIntent, createIntent, updateIntent } from "./payment-intents.ts";
import { attachMethod, createMethod, detachMethod, updateMethod } from "./payment-methods.ts";
import { createPayout } from "./payouts.ts";
import { createRefund, updateRefund } from "./refunds.ts";
import { cancelSetup, confirmSetup, createSetup, updateSetup } from "./setup-intents.ts";
import type { EmulatorStore } from "./store.ts";
import { createTransfer, getReversal, reversalsOf, reverseTransfer, updateTransfer } from "./transfers.ts";

export interface Call {
  store: EmulatorStore;
  parameters: Parameters;
  /** The ids in the path. */
  id: string;
  inner: string;
  /** The emulator's own address. */
  baseUrl: string;
  /** The header `Stripe-Version`. */
  version: string | undefined;
}

/** The kind of object that a route answers, for `expand`, and its work. */
type Route = [answers: Item["object"] | undefined, run: (call: Call) => unknown];

const read =
  (object: Item["object"], param: string) =>
  ({ store, id }: Call) =>
    store.get(object, id, param);
const listed =
  (object: Item["object"], url: string) =>
  ({ store, parameters }: Call) =>
    page(
      store.all(object).filter((item) => !("deleted" in item)),
      parameters,
      url,
    );

const routes: Record<RouteName, Route> = {
  "POST /v1/account_links": [
    undefined,
    (call) => createAccountLink(call.store, call.parameters, call.baseUrl),
  ],
  "GET /v1/accounts": ["account", listed("account", "/v1/accounts")],
  "POST /v1/accounts": ["account", (call) => createAccount(call.store, call.parameters)],
  "GET /v1/accounts/:id": ["account", read("account", "account")],
  "POST /v1/accounts/:id": ["account", (call) => updateAccount(call.store, call.id, call.parameters)],
  "POST /v1/accounts/:id/login_links": [
    undefined,
    (call) => createLoginLink(call.store, call.id, call.baseUrl),
  ],
  "GET /v1/balance": [undefined, (call) => balance(call.store)],
  "GET /v1/balance_transactions": [
    "balance_transaction",
    listed("balance_transaction", "/v1/balance_transactions"),
  ],
  "GET /v1/balance_transactions/:id": ["balance_transaction", read("balance_transaction", "id")],
  "GET /v1/charges": ["charge", listed("charge", "/v1/charges")],
  "GET /v1/charges/:id": ["charge", read("charge", "charge")],
  "POST /v1/charges/:id": ["charge", (call) => updateCharge(call.store, call.id, call.parameters)],
  "GET /v1/customers": ["customer", listed("customer", "/v1/customers")],
  "POST /v1/customers": ["customer", (call) => createCustomer(call.store, call.parameters)],
  "GET /v1/customers/:id": ["customer", read("customer", "id")],
  "POST /v1/customers/:id": ["customer", (call) => updateCustomer(call.store, call.id, call.parameters)],
  "DELETE /v1/customers/:id": [undefined, (call) => deleteCustomer(call.store, call.id)],
  "GET /v1/customers/:id/payment_methods": [
    "payment_method",
    ({ store, id, parameters }) => {
      getCustomer(store, id);
      return page(methodsOf(store, id), parameters, `/v1/customers/${id}/payment_methods`);
    },
  ],
  "GET /v1/customers/:id/payment_methods/:inner": [
    "payment_method",
    ({ store, id, inner }) => {
      const method = methodsOf(store, id).find((each) => each.id === inner);
      if (method === undefined) throw missing("payment_method", inner, "payment_method");
      return method;
    },
  ],
  "GET /v1/disputes": ["dispute", listed("dispute", "/v1/disputes")],
  "GET /v1/disputes/:id": ["dispute", read("dispute", "dispute")],
  "POST /v1/disputes/:id": ["dispute", (call) => updateDispute(call.store, call.id, call.parameters)],
  "POST /v1/disputes/:id/close": ["dispute", (call) => closeDispute(call.store, call.id)],
  "POST /v1/ephemeral_keys": [undefined, (call) => createKey(call.store, call.parameters, call.version)],
  "DELETE /v1/ephemeral_keys/:id": [undefined, (call) => deleteKey(call.store, call.id)],
  "GET /v1/events": [undefined, listed("event", "/v1/events")],
  "GET /v1/events/:id": [undefined, read("event", "id")],
  "GET /v1/payment_intents": ["payment_intent", listed("payment_intent", "/v1/payment_intents")],
  "POST /v1/payment_intents": [
    "payment_intent",
    (call) => createIntent(call.store, call.parameters, call.baseUrl),
  ],
  "GET /v1/payment_intents/:id": ["payment_intent", read("payment_intent", "intent")],
  "POST /v1/payment_intents/:id": [
    "payment_intent",
    (call) => updateIntent(call.store, call.id, call.parameters),
  ],
  "POST /v1/payment_intents/:id/confirm": [
    "payment_intent",
    (call) => confirmIntent(call.store, call.id, call.parameters, call.baseUrl),
  ],
  "POST /v1/payment_intents/:id/capture": [
    "payment_intent",
    (call) => captureIntent(call.store, call.id, call.parameters),
  ],
  "POST /v1/payment_intents/:id/cancel": [
    "payment_intent",
    (call) => cancelIntent(call.store, call.id, call.parameters),
  ],
  "GET /v1/payment_methods": ["payment_method", listed("payment_method", "/v1/payment_methods")],
  "POST /v1/payment_methods": ["payment_method", (call) => createMethod(call.store, call.parameters)],
  "GET /v1/payment_methods/:id": ["payment_method", read("payment_method", "payment_method")],
  "POST /v1/payment_methods/:id": [
    "payment_method",
    (call) => updateMethod(call.store, call.id, call.parameters),
  ],
  "POST /v1/payment_methods/:id/attach": [
    "payment_method",
    (call) => attachMethod(call.store, call.id, call.parameters),
  ],
  "POST /v1/payment_methods/:id/detach": ["payment_method", (call) => detachMethod(call.store, call.id)],
  "GET /v1/payouts": ["payout", listed("payout", "/v1/payouts")],
  "POST /v1/payouts": ["payout", (call) => createPayout(call.store, call.parameters)],
  "GET /v1/payouts/:id": ["payout", read("payout", "payout")],
  "GET /v1/radar/early_fraud_warnings": [
    "radar.early_fraud_warning",
    listed("radar.early_fraud_warning", "/v1/radar/early_fraud_warnings"),
  ],
  "GET /v1/radar/early_fraud_warnings/:id": [
    "radar.early_fraud_warning",
    read("radar.early_fraud_warning", "early_fraud_warning"),
  ],
  "GET /v1/refunds": ["refund", listed("refund", "/v1/refunds")],
  "POST /v1/refunds": ["refund", (call) => createRefund(call.store, call.parameters)],
  "GET /v1/refunds/:id": ["refund", read("refund", "refund")],
  "POST /v1/refunds/:id": ["refund", (call) => updateRefund(call.store, call.id, call.parameters)],
  "GET /v1/setup_intents": ["setup_intent", listed("setup_intent", "/v1/setup_intents")],
  "POST /v1/setup_intents": [
    "setup_intent",
    (call) => createSetup(call.store, call.parameters, call.baseUrl),
  ],
  "GET /v1/setup_intents/:id": ["setup_intent", read("setup_intent", "intent")],
  "POST /v1/setup_intents/:id": ["setup_intent", (call) => updateSetup(call.store, call.id, call.parameters)],
  "POST /v1/setup_intents/:id/confirm": [
    "setup_intent",
    (call) => confirmSetup(call.store, call.id, call.parameters, call.baseUrl),
  ],
  "POST /v1/setup_intents/:id/cancel": [
    "setup_intent",
    (call) => cancelSetup(call.store, call.id, call.parameters),
  ],
  "GET /v1/transfers": ["transfer", listed("transfer", "/v1/transfers")],
  "POST /v1/transfers": ["transfer", (call) => createTransfer(call.store, call.parameters)],
  "GET /v1/transfers/:id": ["transfer", read("transfer", "transfer")],
  "POST /v1/transfers/:id": ["transfer", (call) => updateTransfer(call.store, call.id, call.parameters)],
  "GET /v1/transfers/:id/reversals": [
    "transfer_reversal",
    ({ store, id, parameters }) => {
      store.get<Transfer>("transfer", id, "id");
      return page(reversalsOf(store, id), parameters, `/v1/transfers/${id}/reversals`);
    },
  ],
  "POST /v1/transfers/:id/reversals": [
    "transfer_reversal",
    (call) => reverseTransfer(call.store, call.id, call.parameters),
  ],
  "GET /v1/transfers/:id/reversals/:inner": [
    "transfer_reversal",
    (call) => getReversal(call.store, call.id, call.inner),
  ],
  "POST /v1/transfers/:id/reversals/:inner": [
    "transfer_reversal",
    (call) => {
      const reversal = getReversal(call.store, call.id, call.inner);
      reversal.metadata = metadataOf(call.parameters, reversal.metadata);
      return reversal;
    },
  ],
};

const patterns = (Object.keys(routes) as RouteName[]).map(
  (name) => [name, new RegExp(`^${name.replaceAll(/:\w+/g, "(\\w+)")}$`)] as const,
);

/** Carries out a request such as "POST /v1/refunds" and returns the body of the answer. @throws StripeFault */
export function perform(request: string, call: Omit<Call, "id" | "inner">): unknown {
  for (const [name, pattern] of patterns) {
    const match = pattern.exec(request);
    if (match === null) continue;
    const [, id = "", inner = ""] = match;
    const [answers, run] = routes[name];
    checkParameters(name, contracts[name], call.parameters);
    const paths = list(call.parameters, "expand");
    checkExpansions(
      answers,
      name.startsWith("GET") && !name.endsWith("/:id") && !name.endsWith("/:inner"),
      paths,
    );
    return expand(call.store, run({ ...call, id, inner }), paths);
  }
  const [method, path] = request.split(" ");
  throw new StripeFault(404, {
    type: "invalid_request_error",
    message: `Unrecognized request URL (${method}: ${path}). The Stripe emulator lacks it, or Stripe itself has no such address.`,
  });
}
