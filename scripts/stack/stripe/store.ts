// The emulator's state: objects by id, the balance transactions that add up to its balance, and events. It lives in memory and is
// saved to a file when the stack stops, so that the database and the emulator stay in step.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type Stripe from "stripe";
import { missing } from "./errors.ts";
import type { BalanceTransaction, EmulatedEvent, Item } from "./objects.ts";

/** The version of the API that package `stripe` speaks. */
export const apiVersion = "2026-10-28.endive";

export interface EmulatorStore {
  newId(prefix: string): string;
  now(): number;
  put<T extends Item>(item: T): T;
  /** @throws StripeFault 404 for an unknown id, as Stripe answers */
  get<T extends Item>(object: T["object"], id: string): T;
  find(id: string): Item | undefined;
  /** All objects of a kind, newest first. */
  all<T extends Item>(object: T["object"]): T[];
  /** Records a movement of the balance. `net` is `amount` minus `fee`. */
  move(
    movement: Omit<
      BalanceTransaction,
      "id" | "object" | "created" | "available_on" | "exchange_rate" | "net" | "status"
    >,
  ): BalanceTransaction;
  /** Currencies without a bank account of the platform: payments in them are converted to another currency. */
  conversions: Record<string, { to: string; rate: number }>;
  balance(currency: string): number;
  /** Records an event with a copy of the object, and calls the listeners. */
  emit(type: Stripe.Event["type"], object: Item): void;
  onEvent(listener: (event: EmulatedEvent) => void): void;
  /** Writes all objects to the file. */
  save(): void;
}

/** @param file JSON file that holds the objects between runs */
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
