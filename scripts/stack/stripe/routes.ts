// Routes: the part of Stripe's API that Staybase uses.

import { createAccount, createAccountLink, createCustomer, createLoginLink } from "./connect.ts";
import { updateDispute } from "./disputes.ts";
import { invalid, StripeFault } from "./errors.ts";
import { list, type Parameters, text } from "./form.ts";
import type { Item, Transfer, TransferReversal } from "./objects.ts";
import { cancelIntent, captureIntent, confirmIntent, createIntent, updateIntent } from "./payment-intents.ts";
import { detachMethod } from "./payment-methods.ts";
import { createRefund } from "./refunds.ts";
import type { EmulatorStore } from "./store.ts";
import { createTransfer, reverseTransfer } from "./transfers.ts";

type Action = (store: EmulatorStore, parameters: Parameters, id: string, baseUrl: string) => unknown;

const actions: [RegExp, Action][] = [
  [/^POST \/v1\/payment_intents$/, (store, parameters) => createIntent(store, parameters)],
  [/^POST \/v1\/payment_intents\/(\w+)$/, (store, parameters, id) => updateIntent(store, id, parameters)],
  [
    /^POST \/v1\/payment_intents\/(\w+)\/confirm$/,
    (store, parameters, id) => confirmIntent(store, id, parameters),
  ],
  [
    /^POST \/v1\/payment_intents\/(\w+)\/capture$/,
    (store, parameters, id) => captureIntent(store, id, parameters),
  ],
  [
    /^POST \/v1\/payment_intents\/(\w+)\/cancel$/,
    (store, parameters, id) => cancelIntent(store, id, parameters),
  ],
  [/^POST \/v1\/payment_methods\/(\w+)\/detach$/, (store, _parameters, id) => detachMethod(store, id)],
  [/^POST \/v1\/refunds$/, (store, parameters) => createRefund(store, parameters)],
  [/^POST \/v1\/customers$/, (store, parameters) => createCustomer(store, parameters)],
  [/^POST \/v1\/accounts$/, (store, parameters) => createAccount(store, parameters)],
  [
    /^POST \/v1\/accounts\/(\w+)\/login_links$/,
    (store, _parameters, id, url) => createLoginLink(store, id, url),
  ],
  [/^POST \/v1\/account_links$/, (store, parameters, _id, url) => createAccountLink(store, parameters, url)],
  [/^POST \/v1\/transfers$/, (store, parameters) => createTransfer(store, parameters)],
  [
    /^POST \/v1\/transfers\/(\w+)\/reversals$/,
    (store, parameters, id) => reverseTransfer(store, id, parameters),
  ],
  [
    /^GET \/v1\/transfers\/(\w+)\/reversals$/,
    (store, parameters, id) => {
      store.get<Transfer>("transfer", id);
      const reversals = store
        .all<TransferReversal>("transfer_reversal")
        .filter(({ transfer }) => transfer === id);
      return page(reversals, parameters, "");
    },
  ],
  [/^POST \/v1\/disputes\/(\w+)$/, (store, parameters, id) => updateDispute(store, id, parameters)],
  [/^GET \/v1\/balance$/, (store) => balance(store)],
];

/** Collections that can be listed and read by id. */
const collections: Record<string, Item["object"]> = {
  accounts: "account",
  balance_transactions: "balance_transaction",
  charges: "charge",
  customers: "customer",
  disputes: "dispute",
  events: "event",
  payment_intents: "payment_intent",
  payment_methods: "payment_method",
  refunds: "refund",
  transfers: "transfer",
};

/** Carries out a request such as "POST /v1/refunds" and returns the body of the answer. @throws StripeFault */
export function perform(
  store: EmulatorStore,
  request: string,
  parameters: Parameters,
  baseUrl: string,
): unknown {
  for (const [pattern, action] of actions) {
    const match = pattern.exec(request);
    if (match !== null)
      return expand(store, action(store, parameters, match[1] ?? "", baseUrl), list(parameters, "expand"));
  }
  const [, collection = "", id] = /^GET \/v1\/(\w+)(?:\/(\w+))?$/.exec(request) ?? [];
  const object = collections[collection];
  if (object === undefined) {
    throw new StripeFault(404, {
      type: "invalid_request_error",
      message: `Unrecognized request URL (${request}). The emulator has only the part of Stripe that Staybase uses.`,
    });
  }
  return id === undefined
    ? page(store.all(object), parameters, `/v1/${collection}`)
    : expand(store, store.get(object, id), list(parameters, "expand"));
}

function page(items: Item[], parameters: Parameters, url: string) {
  const limit = Number(text(parameters, "limit") ?? 10);
  if (!(limit >= 1 && limit <= 100)) throw invalid("limit must be between 1 and 100.", "limit");
  const created = parameters.created;
  const from = Number(typeof created === "object" && !Array.isArray(created) ? (created.gte ?? 0) : 0);
  const after = text(parameters, "starting_after");
  const found = items.filter(
    (item) => created === undefined || ("created" in item && (item.created ?? 0) >= from),
  );
  const start = after === undefined ? 0 : found.findIndex(({ id }) => id === after) + 1;
  return {
    object: "list" as const,
    data: found.slice(start, start + limit),
    has_more: found.length > start + limit,
    url,
  };
}

/** Replaces ids by their objects along paths such as latest_charge.balance_transaction. */
function expand(store: EmulatorStore, value: unknown, paths: string[]): unknown {
  if (paths.length === 0) return value;
  const copy = structuredClone(value) as Record<string, unknown>;
  for (const path of paths) {
    let target: Record<string, unknown> | undefined = copy;
    for (const name of path.split(".")) {
      const inner: unknown = target?.[name];
      const found = typeof inner === "string" ? structuredClone(store.find(inner)) : inner;
      if (target !== undefined && found !== undefined) target[name] = found;
      target = typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
    }
  }
  return copy;
}

function balance(store: EmulatorStore) {
  const currencies = [
    ...new Set(
      store.all("balance_transaction").map((item) => ("currency" in item ? String(item.currency) : "")),
    ),
  ];
  return {
    object: "balance" as const,
    available: currencies.map((currency) => ({ amount: store.balance(currency), currency })),
    livemode: false,
    pending: [],
  };
}
