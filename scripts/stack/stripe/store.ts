// The emulator's state: objects by id, the balance transactions that add up to its balance, and events. Each change is in the
// journal before a request is answered.

import { randomBytes } from "node:crypto";
import type Stripe from "stripe";
import { missing } from "./errors.ts";
import { openJournal } from "./journal.ts";
import type { BalanceTransaction, EmulatedEvent, Item, Settings } from "./objects.ts";

/** The version of the API that package `stripe` speaks. */
export const apiVersion = "2026-10-28.endive";

function isRemoved(item: Item): boolean {
  return (item.object as string) === "emulator.removed";
}

export interface EmulatorStore {
  newId(prefix: string): string;
  /** Seconds since 1970. */
  now(): number;
  put<T extends Item>(item: T): T;
  /**
   * @param param the parameter that names the object
   * @throws StripeFault 404 for an unknown id, as Stripe answers
   */
  get<T extends Item>(object: T["object"], id: string, param?: string): T;
  find(id: string): Item | undefined;
  /** All objects of a kind, newest first. They are only for reading. */
  all<T extends Item>(object: T["object"]): T[];
  remove(id: string): void;
  /** Records a movement of the balance. `net` is `amount` minus `fee`. */
  move(
    movement: Pick<
      BalanceTransaction,
      "amount" | "currency" | "description" | "fee" | "reporting_category" | "source" | "type"
    >,
  ): BalanceTransaction;
  /** What tests have set, such as currencies without a bank account of the platform, which are converted to another. */
  settings: Settings;
  balance(currency: string): number;
  /** Records an event with a copy of the object, and calls the listeners once it is written. */
  emit(type: Stripe.Event["type"], object: Item): void;
  onEvent(listener: (event: EmulatedEvent) => void): void;
  /** Writes what has changed since the last time. */
  commit(): void;
}

/**
 * @param file holds the objects between runs
 * @param clock milliseconds since 1970
 */
export function createStore(file: string, clock: () => number): EmulatorStore {
  const { items, journal } = openJournal(file);
  const listeners: ((event: EmulatedEvent) => void)[] = [];
  /** Objects that have been handed out and may have changed, and the text of each when it was last written. */
  const touched = new Set<string>();
  const written = new Map<string, string>();
  for (const [id, item] of items) written.set(id, JSON.stringify(item));
  let emitted: EmulatedEvent[] = [];
  const touch = <T extends Item>(item: T): T => {
    touched.add(item.id);
    return item;
  };
  const store: EmulatorStore = {
    newId: (prefix) => `${prefix}_${randomBytes(18).toString("base64url").replaceAll(/[-_]/g, "x")}`,
    now: () => Math.floor(clock() / 1000),
    put(item) {
      items.set(item.id, item);
      return touch(item);
    },
    get<T extends Item>(object: T["object"], id: string, param?: string) {
      const item = items.get(id);
      if (item?.object !== object || isRemoved(item)) throw missing(object, id, param);
      return touch(item) as T;
    },
    find(id) {
      const item = items.get(id);
      return item === undefined || isRemoved(item) ? undefined : touch(item);
    },
    all: <T extends Item>(object: T["object"]) =>
      [...items.values()].filter((item): item is T => item.object === object && !isRemoved(item)).reverse(),
    remove(id) {
      store.put({ id, object: "emulator.removed" } as unknown as Item);
    },
    settings: (items.get("settings") as Settings | undefined) ?? {
      id: "settings",
      object: "emulator.settings",
      conversions: {},
    },
    move(movement) {
      const now = store.now();
      const isPaidOut = movement.type === "payout" || movement.type.startsWith("transfer");
      const conversion = isPaidOut ? undefined : store.settings.conversions[movement.currency];
      const amount = Math.round(movement.amount * (conversion?.rate ?? 1));
      const fee = Math.round(movement.fee * (conversion?.rate ?? 1));
      const currency = conversion?.to ?? movement.currency;
      return store.put({
        ...movement,
        id: store.newId("txn"),
        object: "balance_transaction",
        amount,
        available_on: now,
        balance_type: "payments",
        created: now,
        currency,
        exchange_rate: conversion?.rate ?? null,
        fee,
        fee_details:
          fee === 0
            ? []
            : [
                {
                  amount: fee,
                  application: null,
                  currency,
                  description: "Stripe processing fees",
                  type: "stripe_fee",
                },
              ],
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
      emitted.push(event);
    },
    onEvent: (listener) => void listeners.push(listener),
    commit() {
      touch(store.put(store.settings));
      const changed: Item[] = [];
      for (const id of touched) {
        const item = items.get(id);
        const text = JSON.stringify(item);
        if (item === undefined || written.get(id) === text) continue;
        written.set(id, text);
        changed.push(item);
      }
      touched.clear();
      if (changed.length > 0) journal.append(changed);
      const events = emitted;
      emitted = [];
      for (const event of events) for (const listener of listeners) listener(event);
    },
  };
  return store;
}
