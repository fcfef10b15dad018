// Answers as clients see them: without what the emulator notes for itself, and with ids replaced by the objects that were asked for.

import { invalid, lacking } from "./errors.ts";
import type { EmulatorStore } from "./store.ts";

/** The JSON of an answer or event. The emulator's own notes are on payment methods alone. */
export function publicJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, withoutNotes, indent);
}

function withoutNotes(this: unknown, key: string, value: unknown): unknown {
  const isNote = key === "emulator" && (this as { object?: unknown }).object === "payment_method";
  return isNote ? undefined : value;
}

type Expandable = Record<string, string>;

const nothing = "nothing";

/**
 * The fields that can be expanded, by kind of object, with the kind of what they hold. The emulator never fills those that hold
 * `nothing`. Source: `x-expandableFields` of Stripe's OpenAPI description.
 */
const expandable: Record<string, Expandable> = {
  balance_transaction: { source: "any" },
  charge: {
    application: nothing,
    application_fee: nothing,
    balance_transaction: "balance_transaction",
    customer: "customer",
    failure_balance_transaction: "balance_transaction",
    on_behalf_of: nothing,
    payment_intent: "payment_intent",
    review: nothing,
    source_transfer: nothing,
    transfer: nothing,
  },
  customer: { default_source: nothing, "invoice_settings.default_payment_method": "payment_method" },
  dispute: { charge: "charge", payment_intent: "payment_intent" },
  payment_intent: {
    application: nothing,
    customer: "customer",
    latest_charge: "charge",
    on_behalf_of: nothing,
    payment_method: "payment_method",
    review: nothing,
  },
  payment_method: { customer: "customer" },
  payout: {
    balance_transaction: "balance_transaction",
    destination: nothing,
    failure_balance_transaction: "balance_transaction",
    original_payout: nothing,
    reversed_by: nothing,
  },
  "radar.early_fraud_warning": { charge: "charge", payment_intent: "payment_intent" },
  refund: {
    balance_transaction: "balance_transaction",
    charge: "charge",
    customer: "customer",
    failure_balance_transaction: "balance_transaction",
    payment_intent: "payment_intent",
    payment_method: "payment_method",
    source_transfer_reversal: "transfer_reversal",
    transfer_reversal: "transfer_reversal",
  },
  setup_intent: {
    application: nothing,
    customer: "customer",
    latest_attempt: nothing,
    mandate: nothing,
    on_behalf_of: nothing,
    payment_method: "payment_method",
    single_use_mandate: nothing,
  },
  transfer: {
    balance_transaction: "balance_transaction",
    destination: "account",
    destination_payment: nothing,
    source_transaction: "charge",
  },
  transfer_reversal: {
    balance_transaction: "balance_transaction",
    destination_payment_refund: nothing,
    source_refund: "refund",
    transfer: "transfer",
  },
};

/** Lists that Stripe adds to an answer when they are asked for. */
const includable: Record<string, readonly string[]> = {
  charge: ["refunds"],
  customer: ["cash_balance", "sources", "subscriptions", "tax", "tax_ids"],
  payment_intent: ["hooks"],
};

const deepest = 4;

/**
 * Checks the paths of `expand` for an object of a kind.
 * @param isList whether the object stands in a list, so that its paths begin with `data`
 * @throws StripeFault 400 for a path that cannot be expanded
 */
export function checkExpansions(kind: string | undefined, isList: boolean, paths: string[]): void {
  for (const path of paths) {
    const steps = path.split(".");
    if (steps.length > deepest) {
      throw invalid("You cannot expand more than 4 levels of a property", "expand");
    }
    if (isList && steps.shift() !== "data") {
      throw invalid(
        `This property cannot be expanded (${path}). You may want to try expanding 'data.${path}' instead.`,
        "expand",
      );
    }
    let at = kind ?? nothing;
    while (steps.length > 0 && at !== "any" && at !== nothing) {
      const known: Expandable = expandable[at] ?? {};
      const name = steps[0] ?? "";
      const nested = `${name}.${steps[1]}`;
      if (includable[at]?.includes(name)) throw lacking(`the expansion of ${at}.${name}`, "expand");
      if (Object.hasOwn(known, nested)) {
        at = known[nested] ?? nothing;
        steps.splice(0, 2);
      } else if (Object.hasOwn(known, name)) {
        at = known[name] ?? nothing;
        steps.shift();
      } else {
        throw invalid(`This property cannot be expanded (${path}).`, "expand");
      }
    }
    if (kind === undefined || (steps.length > 0 && at === nothing)) {
      throw invalid(`This property cannot be expanded (${path}).`, "expand");
    }
  }
}

/** Replaces ids by their objects along paths such as latest_charge.balance_transaction. Returns a copy. */
export function expand(store: EmulatorStore, value: unknown, paths: string[]): unknown {
  const copy = structuredClone(value);
  for (const path of paths) expandPath(store, copy, path.split("."));
  return copy;
}

function expandPath(store: EmulatorStore, target: unknown, [name, ...rest]: string[]): void {
  if (name === undefined || typeof target !== "object" || target === null) return;
  if (Array.isArray(target)) {
    for (const each of target) expandPath(store, each, [name, ...rest]);
    return;
  }
  const fields = target as Record<string, unknown>;
  const inner = fields[name];
  const found = typeof inner === "string" ? structuredClone(store.find(inner)) : undefined;
  if (found !== undefined) fields[name] = found;
  if (rest.length > 0) expandPath(store, fields[name], rest);
}
