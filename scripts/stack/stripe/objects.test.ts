// Every object has the fields that Stripe's OpenAPI description requires.

import { beforeAll, expect, it } from "vitest";
import { requiredFields } from "./required-fields.ts";
import { startEmulator } from "./test-support.ts";

let emulator: Awaited<ReturnType<typeof startEmulator>>;
beforeAll(async () => {
  emulator = await startEmulator();
});

/** The required fields that an object lacks, as `kind/path: field`; inner objects and lists included. */
function lackingFields(value: unknown, found: Set<string>, seen: Set<string>): void {
  if (Array.isArray(value)) {
    for (const each of value) lackingFields(each, found, seen);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const fields = value as Record<string, unknown>;
  if (typeof fields.object === "string") {
    const kind = fields.object;
    for (const [name, required] of Object.entries(requiredFields)) {
      const [root = "", path] = name.split("/");
      if (root !== kind) continue;
      for (const inner of innerObjects(fields, path?.split(".") ?? [])) {
        seen.add(name);
        for (const field of required.split(" ")) if (!(field in inner)) found.add(`${name}: ${field}`);
      }
    }
    if (!(kind in requiredFields)) found.add(`${kind}: not in the list`);
  }
  for (const inner of Object.values(fields)) lackingFields(inner, found, seen);
}

function innerObjects(value: unknown, [name, ...rest]: string[]): object[] {
  if (Array.isArray(value)) return value.flatMap((each) => innerObjects(each, [name ?? "", ...rest]));
  if (typeof value !== "object" || value === null) return [];
  if (name === undefined || name === "") return [value];
  const inner = (value as Record<string, unknown>)[name];
  return innerObjects(inner, rest);
}

it("has all required fields in every kind of answer and event", async () => {
  const { stripe, pay, openAccount, control, events } = emulator;
  const customer = await stripe.customers.create({ email: "ana@example.com" });
  const destination = await openAccount();
  const refused = await pay({ payment_method: "pm_card_visa_chargeDeclined" }).catch(
    (error: unknown) => error,
  );
  const paid = await pay({
    customer: customer.id,
    setup_future_usage: "off_session",
    expand: ["latest_charge.balance_transaction", "payment_method", "customer"],
  });
  const transfer = await stripe.transfers.create({ amount: 1_000, currency: "eur", destination });
  const reversal = await stripe.transfers.createReversal(transfer.id, { amount: 500 });
  const disputed = await pay({ payment_method: "pm_card_createDispute" });
  const setup = await stripe.setupIntents.create({
    customer: customer.id,
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
  });
  const answers: unknown[] = [
    refused,
    paid,
    await stripe.refunds.create({ payment_intent: paid.id, amount: 500 }),
    transfer,
    reversal,
    await stripe.transfers.retrieve(transfer.id),
    await stripe.disputes.list({ payment_intent: disputed.id }),
    setup,
    await stripe.setupIntents.confirm(setup.id, { payment_method: "pm_card_visa" }),
    await stripe.ephemeralKeys.create({ customer: customer.id }, { apiVersion: "2026-10-28.endive" }),
    await stripe.payouts.create({ amount: 500, currency: "eur" }),
    await stripe.balance.retrieve(),
    await stripe.balanceTransactions.list({ limit: 100 }),
    await stripe.accounts.retrieve(destination),
    await stripe.accounts.createLoginLink(destination),
    await stripe.accountLinks.create({
      account: destination,
      type: "account_onboarding",
      return_url: "https://example.com",
      refresh_url: "https://example.com",
    }),
    await control("early_fraud_warning", { payment_intent: paid.id }),
    await stripe.events.list({ limit: 100 }),
    events,
  ];
  const found = new Set<string>();
  const seen = new Set<string>();
  lackingFields(answers, found, seen);
  expect([...found]).toEqual([]);
  expect(Object.keys(requiredFields).filter((name) => !seen.has(name))).toEqual([]);
});

it("shows nothing that the emulator notes for itself", async () => {
  const { stripe, pay } = emulator;
  const paid = await pay({ expand: ["payment_method"] });
  expect(paid.payment_method).not.toHaveProperty("emulator");
  const { data } = await stripe.events.list({ type: "payment_method.attached" });
  expect(data[0]?.data.object).not.toHaveProperty("emulator");
});
