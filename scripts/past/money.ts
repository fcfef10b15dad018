// Money of the past: the Stripe emulator in this process, and the Edge Function money-worker with it.

import Stripe from "stripe";
import { createPaymentIntent } from "../../supabase/functions/_shared/payment-intent.ts";
import { accountState, declineOf, isFinal } from "../../supabase/functions/_shared/stripe.ts";
import type { ServiceClient } from "../../supabase/functions/_shared/supabase.ts";
import { createHandler } from "../../supabase/functions/money-worker/handler.ts";
import { createMadeBefore } from "../../supabase/functions/money-worker/made-before.ts";
import { createTaskQueue } from "../../supabase/functions/money-worker/queue.ts";
import { createServices } from "../../supabase/functions/money-worker/services.ts";
import { createSyncs } from "../../supabase/functions/money-worker/sync.ts";
import { publicJson } from "../stack/stripe/answers.ts";
import { completeOnboarding } from "../stack/stripe/connect.ts";
import { control } from "../stack/stripe/control.ts";
import { emulatorKeys } from "../stack/stripe/emulator.ts";
import { StripeFault } from "../stack/stripe/errors.ts";
import { createFaults } from "../stack/stripe/faults.ts";
import { parseForm } from "../stack/stripe/form.ts";
import type { EmulatedEvent } from "../stack/stripe/objects.ts";
import { perform } from "../stack/stripe/routes.ts";
import { createStore } from "../stack/stripe/store.ts";
import { createWebhooks } from "../stack/stripe/webhooks.ts";
import type { PastDatabase } from "./database.ts";
import type { Random } from "./random.ts";

export interface PastMoney {
  /** Opens an account at Stripe that can receive transfers. */
  onboard(hostId: string, email: string, country: string): Promise<void>;
  /** Pays what is due for a booking. @param card a test card, such as pm_card_visa */
  pay(guestId: string, bookingId: string, card?: string): Promise<{ intent: string }>;
  /** Does the tasks that wait for Stripe. */
  work(): Promise<void>;
  /** What happens at Stripe without us, by a command of the emulator; the database learns it. */
  atStripe(command: string, request: object): Promise<{ id: string }>;
  /** Writes the emulator's file. */
  save(): void;
}

/** Stripe itself forgets events after 30 days; reconciliation reads those of the last three. */
const keptEvents = 3 * 86_400_000;

/**
 * @param file of the emulator
 * @param until the end of the past, in milliseconds since 1970
 */
export function createMoney(
  database: PastDatabase,
  random: Random,
  { file, url, until }: { file: string; url: string; until: number },
): PastMoney {
  const store = createStore(file, database.now);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  store.newId = (prefix) =>
    `${prefix}_${Array.from({ length: 24 }, () => alphabet[random.between(0, 61)]).join("")}`;
  const emit = store.emit;
  store.emit = (type, object) => {
    if (database.now() > until - keptEvents) emit(type, object);
  };
  // the database has applied each object when it was changed
  store.onEvent((event) => {
    store.get<EmulatedEvent>("event", event.id).pending_webhooks = 0;
  });

  const stripe = new Stripe(emulatorKeys.secret, {
    maxNetworkRetries: 0,
    httpClient: Stripe.createFetchHttpClient((async (target: string, init: RequestInit) =>
      answer(target, init)) as never),
  });

  function answer(target: string, { method = "GET", body }: RequestInit): Response {
    const { pathname, search } = new URL(target);
    const parameters = parseForm(method === "GET" ? search.slice(1) : String(body ?? ""));
    try {
      const result = perform(`${method} ${pathname}`, {
        store,
        parameters,
        baseUrl: url,
        version: undefined,
      });
      return new Response(publicJson(result));
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      return new Response(JSON.stringify({ error: error.body }), { status: error.status });
    }
  }

  const supabase = serviceClient(database);
  const sync = createSyncs(supabase, stripe);
  const worker = createHandler({
    internal: {
      keys: ["past"],
      runs: {
        begin: async () => ({ lease: "past", wait_ms: 0 }),
        keep: async () => true,
        end: async () => null,
      },
    },
    ...createTaskQueue(supabase),
    ...createServices(supabase, stripe),
    sync,
    madeBefore: createMadeBefore(stripe),
    isFinal,
    reasonOf: (error) => declineOf(error) ?? "The card could not be charged.",
    log: console.error,
  });

  async function customerOf(guestId: string, begun: Begun): Promise<string> {
    if (typeof begun.customer === "string") return begun.customer;
    const { id } = await stripe.customers.create({
      metadata: { profile_id: guestId },
      email: begun.email ?? "",
    });
    return String(await database.call("save_customer", { p_actor: guestId, p_customer_id: id }));
  }

  return {
    async onboard(hostId, email, country) {
      const { id } = await stripe.accounts.create({
        type: "express",
        country,
        email,
        capabilities: { transfers: { requested: true } },
        metadata: { profile_id: hostId },
      });
      await database.call("save_payout_account", { p_actor: hostId, p_account_id: id });
      completeOnboarding(store, id);
      await database.call("apply_account", { p_account: accountState(await stripe.accounts.retrieve(id)) });
    },
    async pay(guestId, bookingId, card = "pm_card_visa") {
      const begun = (await database.call("begin_payment", {
        p_actor: guestId,
        p_booking_id: bookingId,
      })) as Begun;
      if (begun.payment_id === undefined) throw new Error("nothing is due");
      const { id } = await createPaymentIntent(stripe, {
        paymentId: begun.payment_id,
        bookingId,
        metadata: begun.metadata ?? {},
        amount: begun.stripe_amount,
        currency: begun.currency,
        isManual: begun.is_manual === true,
        customer: await customerOf(guestId, begun),
        description: begun.description ?? "",
      });
      await database.call("attach_payment", { p_payment_id: begun.payment_id, p_payment_intent_id: id });
      await stripe.paymentIntents.confirm(id, { payment_method: card });
      await sync.paymentIntent(id);
      return { intent: id };
    },
    async work() {
      const headers = { apikey: "past" };
      const response = await worker(new Request("http://past/", { method: "POST", headers }));
      if (response.status !== 200)
        throw new Error(`money-worker: ${response.status} ${await response.text()}`);
    },
    async atStripe(command, request) {
      const webhooks = createWebhooks(url, "", () => {});
      const done = await control(
        { store, faults: createFaults(), webhooks, baseUrl: url },
        command,
        JSON.stringify(request),
      );
      const { id, object } = done as { id: string; object: string };
      if (object === "dispute") await sync.dispute(id);
      else if (object === "radar.early_fraud_warning") await sync.fraudWarning(id);
      else await sync.refund(id);
      return { id };
    },
    save() {
      store.commit();
      store.commit(); // the events, once they count as delivered
    },
  };
}

interface Begun {
  payment_id?: string;
  stripe_amount: number;
  currency: string;
  is_manual?: boolean;
  customer?: string | null;
  email?: string | null;
  description?: string;
  metadata?: Record<string, string>;
}

/** What the worker uses of a client: calls of functions. */
function serviceClient(database: PastDatabase): ServiceClient {
  const rpc = (name: string, parameters: Record<string, unknown>) => {
    const called = database.call(name, parameters).then((data) => ({ data, error: null }));
    return Object.assign(called, { throwOnError: () => called });
  };
  return { rpc } as unknown as ServiceClient;
}
