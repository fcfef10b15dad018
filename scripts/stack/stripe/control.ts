// The control surface, for tests and for people who try things out: `POST /_emulator/<command>` with a JSON body, answered with
// JSON. `GET /_emulator` lists the commands.

import { warnOfFraud } from "./aftermath.ts";
import { chargeAmountOf, currencyOf } from "./amounts.ts";
import { findCard } from "./cards.ts";
import { chargeWithoutIntent } from "./charges.ts";
import { currencies } from "./currencies.ts";
import { type DisputeOptions, decide, openDispute, type Verdict } from "./disputes.ts";
import { invalid } from "./errors.ts";
import type { Fault, Faults } from "./faults.ts";
import type { Parameters } from "./form.ts";
import type { Account, Charge, Dispute, Item, Settings } from "./objects.ts";
import { createIntent } from "./payment-intents.ts";
import { usableMethod } from "./payment-methods.ts";
import { chargeOf, createRefund, failRefund } from "./refunds.ts";
import type { EmulatorStore } from "./store.ts";
import type { DeliveryMode, Webhooks } from "./webhooks.ts";

interface Context {
  store: EmulatorStore;
  faults: Faults;
  webhooks: Webhooks;
  baseUrl: string;
}

/** What a command takes, in words, and its work. */
interface Command {
  takes: string;
  does: string;
  run(context: Context, request: Record<string, unknown>): unknown;
}

export const commands: Record<string, Command> = {
  faults: {
    takes:
      "[{match, kind: refuse_before | error_after | reset_after | delay, status?, milliseconds?, times}]",
    does: "Refuses or delays requests, or loses their answers. Replaces the faults that were set before.",
    run: ({ faults }, request) => {
      faults.set(request as unknown as Fault[]);
      return {};
    },
  },
  webhooks: {
    takes: "{copies?, hold?, shuffle?, lose?}",
    does: "Sets how events are delivered from now on.",
    run: ({ webhooks }, request) => webhooks.setMode(request as Partial<DeliveryMode>),
  },
  release: {
    takes: "{}",
    does: "Sends the events that are held, and answers when all are delivered or given up.",
    run: async ({ webhooks }) => {
      await webhooks.release();
      return {};
    },
  },
  settle: {
    takes: "{}",
    does: "Answers when every event that is not held is delivered or given up.",
    run: async ({ webhooks }) => {
      await webhooks.settle();
      return {};
    },
  },
  conversions: {
    takes: "{gbp: {to: usd, rate: 1.1}, ...}",
    does: "Lets the platform have no bank account in these currencies: payments in them are converted.",
    run: ({ store }, request) => {
      for (const code of Object.keys(request))
        if (!currencies.has(code)) throw invalid(`Invalid currency: ${code}`);
      store.settings.conversions = request as Settings["conversions"];
      return {};
    },
  },
  charge: {
    takes: "{amount, currency, card?: number or pm_card_…, metadata?, intent?: false}",
    does: "A payment that is not ours: a paid PaymentIntent without our metadata, or a charge without a PaymentIntent. Answers its charge.",
    run(
      { store, baseUrl },
      { amount, currency, card = "pm_card_visa", metadata, intent: withIntent = true },
    ) {
      const request = { amount: String(amount), currency: String(currency) };
      const method = findCard(String(card))?.method ?? String(card);
      if (withIntent === false) {
        const rules = currencyOf(request);
        const charged = {
          amount: chargeAmountOf(request, "amount", rules, store.settings.conversions[rules.code]),
          currency: rules.code,
          metadata: (metadata ?? {}) as Record<string, string>,
        };
        return chargeWithoutIntent(store, charged, usableMethod(store, method, null));
      }
      const intent = createIntent(
        store,
        {
          ...request,
          confirm: "true",
          payment_method: method,
          allowed_payment_method_types: ["card"],
          ...(metadata === undefined ? {} : { metadata: metadata as Parameters }),
        },
        baseUrl,
      );
      return store.get<Charge>("charge", intent.latest_charge ?? "");
    },
  },
  refund: {
    takes: "{charge | payment_intent, amount?, reason?}",
    does: "A refund in Stripe's dashboard, without our metadata. Answers it.",
    run: ({ store }, request) =>
      createRefund(
        store,
        Object.fromEntries(Object.entries(request).map(([name, value]) => [name, String(value)])),
      ),
  },
  fail_refund: {
    takes: "{refund}",
    does: "The card's bank sends the refund back. Answers it.",
    run: ({ store }, { refund }) => failRefund(store, String(refund)),
  },
  dispute: {
    takes: "{charge | payment_intent, amount?, reason?, inquiry?: true}",
    does: "The bank disputes a charge, or only inquires. Answers the dispute.",
    run: ({ store }, { charge, payment_intent, ...options }) =>
      openDispute(store, chargeOf(store, references({ charge, payment_intent })), options as DisputeOptions),
  },
  decide: {
    takes: "{dispute, status: won | lost | warning_closed | under_review | needs_response}",
    does: "The bank's next step in a dispute. A lost one can be won, a won one lost; needs_response makes an inquiry a dispute.",
    run: ({ store }, { dispute, status }) =>
      decide(store, store.get<Dispute>("dispute", String(dispute), "dispute"), status as Verdict),
  },
  early_fraud_warning: {
    takes: "{charge | payment_intent, fraud_type?}",
    does: "The bank warns that a payment is fraudulent. Answers the warning.",
    run: ({ store }, { charge, payment_intent, fraud_type = "made_with_stolen_card" }) =>
      warnOfFraud(store, chargeOf(store, references({ charge, payment_intent })), String(fraud_type)),
  },
  restrict: {
    takes: "{account, payouts_enabled?: true}",
    does: "Stripe refuses transfers to a connected account before its event arrives, or takes them again. Answers the account.",
    run({ store }, { account, payouts_enabled = false }) {
      const found = store.get<Account>("account", String(account), "account");
      found.payouts_enabled = payouts_enabled === true;
      return found;
    },
  },
  send_again: {
    takes: "{event}",
    does: "Sends an event once more, as Stripe's dashboard can.",
    run({ store, webhooks }, { event }) {
      const found = store.get("event", String(event), "event");
      if (found.object === "event") webhooks.send(found);
      return found;
    },
  },
};

function references(request: Record<string, unknown>): Parameters {
  const given = Object.entries(request).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/** The commands in words. */
export function describeCommands(): Record<string, { takes: string; does: string }> {
  return Object.fromEntries(
    Object.entries(commands).map(([name, { takes, does }]) => [name, { takes, does }]),
  );
}

/** Carries out a command and writes what it changed. @throws StripeFault */
export async function control(context: Context, name: string, body: string): Promise<unknown> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    throw invalid(`There is no command ${name}. The commands are ${Object.keys(commands).join(", ")}.`);
  }
  const request = (body === "" ? {} : JSON.parse(body)) as Record<string, unknown>;
  try {
    return structuredClone((await command.run(context, request)) as Item);
  } finally {
    context.store.commit();
  }
}
