// What the emulator knows: objects by id, the balance transactions that move its balance, and the events about them. In memory,
// and in a file of the stack's data folder when the stack stops, so that a database and its Stripe stay together.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type Stripe from "stripe";
import { missing } from "./errors.ts";

/** The version of the API that package `stripe` speaks. */
export const apiVersion = "2026-10-28.endive";

export type PaymentIntent = Pick<
  Stripe.PaymentIntent,
  | "id"
  | "object"
  | "amount"
  | "amount_capturable"
  | "amount_received"
  | "canceled_at"
  | "cancellation_reason"
  | "capture_method"
  | "client_secret"
  | "created"
  | "currency"
  | "description"
  | "livemode"
  | "metadata"
  | "status"
  | "last_payment_error"
  | "next_action"
  | "setup_future_usage"
  | "transfer_group"
> & { customer: string | null; payment_method: string | null; latest_charge: string | null };

export type Charge = Pick<
  Stripe.Charge,
  | "id"
  | "object"
  | "amount"
  | "amount_captured"
  | "amount_refunded"
  | "captured"
  | "created"
  | "currency"
  | "disputed"
  | "livemode"
  | "metadata"
  | "paid"
  | "refunded"
  | "status"
  | "transfer_group"
> & {
  payment_intent: string;
  payment_method: string;
  customer: string | null;
  balance_transaction: string | null;
  payment_method_details: { type: "card"; card: { brand: string; last4: string; capture_before?: number } };
};

export type Refund = Pick<
  Stripe.Refund,
  "id" | "object" | "amount" | "created" | "currency" | "metadata" | "reason" | "status"
> & { charge: string; payment_intent: string; balance_transaction: string };

export type BalanceTransaction = Pick<
  Stripe.BalanceTransaction,
  | "id"
  | "object"
  | "amount"
  | "available_on"
  | "created"
  | "currency"
  | "exchange_rate"
  | "fee"
  | "net"
  | "reporting_category"
  | "status"
  | "type"
> & { source: string; description: string | null };

export type Transfer = Pick<
  Stripe.Transfer,
  | "id"
  | "object"
  | "amount"
  | "amount_reversed"
  | "created"
  | "currency"
  | "livemode"
  | "metadata"
  | "reversed"
  | "transfer_group"
> & { destination: string; balance_transaction: string };

export type TransferReversal = Pick<
  Stripe.TransferReversal,
  "id" | "object" | "amount" | "created" | "currency" | "metadata"
> & { transfer: string; balance_transaction: string };

export type Dispute = Pick<
  Stripe.Dispute,
  | "id"
  | "object"
  | "amount"
  | "created"
  | "currency"
  | "is_charge_refundable"
  | "livemode"
  | "metadata"
  | "reason"
  | "status"
> & {
  charge: string;
  payment_intent: string;
  balance_transactions: BalanceTransaction[];
  evidence: Record<string, string>;
};

export type Account = Pick<
  Stripe.Account,
  | "id"
  | "object"
  | "charges_enabled"
  | "country"
  | "default_currency"
  | "details_submitted"
  | "email"
  | "metadata"
  | "payouts_enabled"
> & {
  created: number;
  requirements: { currently_due: string[]; disabled_reason: string | null };
  type: "express";
};

export type Customer = Pick<
  Stripe.Customer,
  "id" | "object" | "created" | "email" | "livemode" | "metadata" | "name"
>;

export type PaymentMethod = Pick<Stripe.PaymentMethod, "id" | "object" | "created" | "livemode" | "type"> & {
  customer: string | null;
  card: { brand: string; last4: string };
  /** The test card that it stands for. */
  test_method: string;
};

export interface EmulatedEvent {
  id: string;
  object: "event";
  api_version: string;
  created: number;
  data: { object: unknown };
  livemode: false;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: Stripe.Event["type"];
}

export type Item =
  | PaymentIntent
  | Charge
  | Refund
  | BalanceTransaction
  | Transfer
  | TransferReversal
  | Dispute
  | Account
  | Customer
  | PaymentMethod
  | EmulatedEvent;

export interface EmulatorStore {
  newId(prefix: string): string;
  now(): number;
  put<T extends Item>(item: T): T;
  /** @throws StripeFault 404 as Stripe answers for an unknown id */
  get<T extends Item>(object: T["object"], id: string): T;
  find(id: string): Item | undefined;
  /** Newest first. */
  all<T extends Item>(object: T["object"]): T[];
  /** Moves the balance and returns what it is recorded as. `net` is `amount` without `fee`. */
  move(
    movement: Omit<
      BalanceTransaction,
      "id" | "object" | "created" | "available_on" | "exchange_rate" | "net" | "status"
    >,
  ): BalanceTransaction;
  /** Currencies that the platform has no bank account in: what guests pay in them is kept in another. */
  conversions: Record<string, { to: string; rate: number }>;
  balance(currency: string): number;
  /** Records an event with the object as it is now, and tells whoever listens. */
  emit(type: Stripe.Event["type"], object: Item): void;
  onEvent(listener: (event: EmulatedEvent) => void): void;
  save(): void;
}

export function createStore(file: string): EmulatorStore {
  const items = new Map<string, Item>();
  const listeners: ((event: EmulatedEvent) => void)[] = [];
  if (existsSync(file)) {
    for (const item of JSON.parse(readFileSync(file, "utf8")) as Item[]) items.set(item.id, item);
  }
  const store: EmulatorStore = {
    newId: (prefix) => `${prefix}_${randomBytes(18).toString("base64url").replaceAll(/[-_]/g, "x")}`,
    now: () => Math.floor(Date.now() / 1000),
    put(item) {
      items.set(item.id, item);
      return item;
    },
    get<T extends Item>(object: T["object"], id: string) {
      const item = items.get(id);
      if (item?.object !== object) throw missing(object, id);
      return item as T;
    },
    find: (id) => items.get(id),
    all: <T extends Item>(object: T["object"]) =>
      [...items.values()].filter((item): item is T => item.object === object).reverse(),
    conversions: {},
    move(movement) {
      const now = store.now();
      const conversion = movement.type.startsWith("transfer")
        ? undefined
        : store.conversions[movement.currency];
      const amount = Math.round(movement.amount * (conversion?.rate ?? 1));
      const fee = Math.round(movement.fee * (conversion?.rate ?? 1));
      return store.put({
        ...movement,
        id: store.newId("txn"),
        object: "balance_transaction",
        amount,
        available_on: now,
        created: now,
        currency: conversion?.to ?? movement.currency,
        exchange_rate: conversion?.rate ?? null,
        fee,
        net: amount - fee,
        status: "available",
      });
    },
    balance: (currency) =>
      store
        .all<BalanceTransaction>("balance_transaction")
        .filter((transaction) => transaction.currency === currency)
        .reduce((sum, { net }) => sum + net, 0),
    emit(type, object) {
      const event = store.put<EmulatedEvent>({
        id: store.newId("evt"),
        object: "event",
        api_version: apiVersion,
        created: store.now(),
        data: { object: structuredClone(object) },
        livemode: false,
        pending_webhooks: 1,
        request: { id: null, idempotency_key: null },
        type,
      });
      for (const listener of listeners) listener(event);
    },
    onEvent: (listener) => void listeners.push(listener),
    save() {
      writeFileSync(`${file}.new`, JSON.stringify([...items.values()]));
      renameSync(`${file}.new`, file);
    },
  };
  return store;
}
