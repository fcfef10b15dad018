// Which request does what: the part of Stripe's API that Staybase uses.

import type { Books, Item, Transfer, TransferReversal } from "./books.ts";
import { createAccount, createAccountLink, createCustomer, createLoginLink } from "./connect.ts";
import { invalid, StripeFault } from "./errors.ts";
import { list, type Parameters, text } from "./form.ts";
import { createRefund, createTransfer, reverseTransfer, updateDispute } from "./money.ts";
import {
  cancelIntent,
  captureIntent,
  confirmIntent,
  createIntent,
  detachMethod,
  updateIntent,
} from "./payment-intents.ts";

type Action = (books: Books, parameters: Parameters, id: string, baseUrl: string) => unknown;

const actions: [RegExp, Action][] = [
  [/^POST \/v1\/payment_intents$/, (books, parameters) => createIntent(books, parameters)],
  [/^POST \/v1\/payment_intents\/(\w+)$/, (books, parameters, id) => updateIntent(books, id, parameters)],
  [
    /^POST \/v1\/payment_intents\/(\w+)\/confirm$/,
    (books, parameters, id) => confirmIntent(books, id, parameters),
  ],
  [
    /^POST \/v1\/payment_intents\/(\w+)\/capture$/,
    (books, parameters, id) => captureIntent(books, id, parameters),
  ],
  [
    /^POST \/v1\/payment_intents\/(\w+)\/cancel$/,
    (books, parameters, id) => cancelIntent(books, id, parameters),
  ],
  [/^POST \/v1\/payment_methods\/(\w+)\/detach$/, (books, _parameters, id) => detachMethod(books, id)],
  [/^POST \/v1\/refunds$/, (books, parameters) => createRefund(books, parameters)],
  [/^POST \/v1\/customers$/, (books, parameters) => createCustomer(books, parameters)],
  [/^POST \/v1\/accounts$/, (books, parameters) => createAccount(books, parameters)],
  [
    /^POST \/v1\/accounts\/(\w+)\/login_links$/,
    (books, _parameters, id, url) => createLoginLink(books, id, url),
  ],
  [/^POST \/v1\/account_links$/, (books, parameters, _id, url) => createAccountLink(books, parameters, url)],
  [/^POST \/v1\/transfers$/, (books, parameters) => createTransfer(books, parameters)],
  [
    /^POST \/v1\/transfers\/(\w+)\/reversals$/,
    (books, parameters, id) => reverseTransfer(books, id, parameters),
  ],
  [
    /^GET \/v1\/transfers\/(\w+)\/reversals$/,
    (books, parameters, id) => {
      books.get<Transfer>("transfer", id);
      const reversals = books
        .all<TransferReversal>("transfer_reversal")
        .filter(({ transfer }) => transfer === id);
      return page(reversals, parameters, "");
    },
  ],
  [/^POST \/v1\/disputes\/(\w+)$/, (books, parameters, id) => updateDispute(books, id, parameters)],
  [/^GET \/v1\/balance$/, (books) => balance(books)],
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

/** @throws StripeFault what Stripe would answer */
export function perform(books: Books, request: string, parameters: Parameters, baseUrl: string): unknown {
  for (const [pattern, action] of actions) {
    const match = pattern.exec(request);
    if (match !== null)
      return expand(books, action(books, parameters, match[1] ?? "", baseUrl), list(parameters, "expand"));
  }
  const [, collection = "", id] = /^GET \/v1\/(\w+)(?:\/(\w+))?$/.exec(request) ?? [];
  const object = collections[collection];
  if (object === undefined) {
    throw new StripeFault(404, {
      type: "invalid_request_error",
      message: `Unrecognized request URL (${request}). Staybase's emulator has the part of Stripe that Staybase uses.`,
    });
  }
  return id === undefined
    ? page(books.all(object), parameters, `/v1/${collection}`)
    : expand(books, books.get(object, id), list(parameters, "expand"));
}

function page(items: Item[], parameters: Parameters, url: string) {
  const limit = Number(text(parameters, "limit") ?? 10);
  if (!(limit >= 1 && limit <= 100)) throw invalid("limit is from 1 to 100.", "limit");
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
function expand(books: Books, value: unknown, paths: string[]): unknown {
  if (paths.length === 0) return value;
  const copy = structuredClone(value) as Record<string, unknown>;
  for (const path of paths) {
    let target: Record<string, unknown> | undefined = copy;
    for (const name of path.split(".")) {
      const inner: unknown = target?.[name];
      const found = typeof inner === "string" ? structuredClone(books.find(inner)) : inner;
      if (target !== undefined && found !== undefined) target[name] = found;
      target = typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
    }
  }
  return copy;
}

function balance(books: Books) {
  const currencies = [
    ...new Set(
      books.all("balance_transaction").map((item) => ("currency" in item ? String(item.currency) : "")),
    ),
  ];
  return {
    object: "balance" as const,
    available: currencies.map((currency) => ({ amount: books.balance(currency), currency })),
    livemode: false,
    pending: [],
  };
}
