// The emulator through package `stripe`: test cards, when money moves, idempotency keys, faults.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Stripe from "stripe";
import { afterAll, describe, expect, it } from "vitest";
import { createEmulator, emulatorKeys } from "./emulator.ts";

const folder = mkdtempSync(join(tmpdir(), "stripe-emulator-"));
const server = createServer((request, response) => emulator.handle(request, response));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}`;
const emulator = createEmulator({
  url,
  webhookUrl: `${url}/webhooks`,
  file: join(folder, "stripe.json"),
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  emulator.close();
  rmSync(folder, { recursive: true });
});

const host = { host: "127.0.0.1", port, protocol: "http" } as const;
const stripe = new Stripe(emulatorKeys.secret, { ...host, maxNetworkRetries: 0 });
const control = (what: string, request: unknown) =>
  fetch(`${url}/_emulator/${what}`, { method: "POST", body: JSON.stringify(request) });
const intent = (changes: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  stripe.paymentIntents.create({
    amount: 10_000,
    currency: "eur",
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    ...changes,
  });

describe("the Stripe emulator", () => {
  it("accepts a payment with 4242 and deducts the fee of 2.9 % and 30 cents", async () => {
    const { id } = await intent({ metadata: { booking_id: "b1" } });
    const paid = await stripe.paymentIntents.confirm(id, {
      payment_method: "pm_card_visa",
      expand: ["latest_charge.balance_transaction"],
    });
    expect([paid.status, paid.amount_received, paid.metadata]).toEqual([
      "succeeded",
      10_000,
      { booking_id: "b1" },
    ]);
    const charge = paid.latest_charge as Stripe.Charge;
    expect(charge.payment_method_details?.card?.last4).toBe("4242");
    expect(charge.balance_transaction).toMatchObject({
      amount: 10_000,
      fee: 320,
      net: 9_680,
      type: "charge",
    });
  });

  it("declines a card, and accepts another card afterwards", async () => {
    const { id } = await intent();
    const refused = stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa_chargeDeclined" });
    await expect(refused).rejects.toMatchObject({
      type: "StripeCardError",
      code: "card_declined",
      statusCode: 402,
    });
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe("requires_payment_method");
    expect((await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" })).status).toBe(
      "succeeded",
    );
  });

  it("authorises with manual capture, captures part of it, and refuses to cancel afterwards", async () => {
    const { id } = await intent({ capture_method: "manual" });
    const held = await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
    expect([held.status, held.amount_capturable, held.amount_received]).toEqual([
      "requires_capture",
      10_000,
      0,
    ]);
    const taken = await stripe.paymentIntents.capture(id, { amount_to_capture: 7_000 });
    expect([taken.status, taken.amount_received]).toEqual(["succeeded", 7_000]);
    await expect(stripe.paymentIntents.cancel(id)).rejects.toMatchObject({
      code: "payment_intent_unexpected_state",
    });
  });

  it("never refunds more than was captured", async () => {
    const { id } = await intent();
    await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
    await stripe.refunds.create({ payment_intent: id, amount: 6_000 });
    await expect(stripe.refunds.create({ payment_intent: id, amount: 4_001 })).rejects.toThrow(
      /greater than/,
    );
    await stripe.refunds.create({ payment_intent: id });
    await expect(stripe.refunds.create({ payment_intent: id })).rejects.toMatchObject({
      code: "charge_already_refunded",
    });
  });

  it("transfers only to accounts that completed onboarding, and reverses transfers", async () => {
    const account = await stripe.accounts.create({ type: "express", country: "PT" });
    const { id } = await intent();
    await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
    const transferParameters = { amount: 5_000, currency: "eur", destination: account.id };
    await expect(stripe.transfers.create(transferParameters)).rejects.toMatchObject({
      code: "insufficient_capabilities_for_transfer",
    });
    const link = await stripe.accountLinks.create({
      account: account.id,
      type: "account_onboarding",
      return_url: url,
      refresh_url: url,
    });
    await fetch(link.url, { redirect: "manual" });
    const transfer = await stripe.transfers.create(transferParameters);
    await stripe.transfers.createReversal(transfer.id, { amount: 2_000 });
    expect((await stripe.transfers.retrieve(transfer.id)).amount_reversed).toBe(2_000);
    await expect(stripe.transfers.createReversal(transfer.id, { amount: 3_001 })).rejects.toThrow();
  });

  it("repeats the answer of an idempotency key, and refuses the key for other parameters", async () => {
    const idempotencyKey = crypto.randomUUID();
    const first = await stripe.paymentIntents.create({ amount: 500, currency: "eur" }, { idempotencyKey });
    const again = await stripe.paymentIntents.create({ amount: 500, currency: "eur" }, { idempotencyKey });
    expect(again.id).toBe(first.id);
    await expect(
      stripe.paymentIntents.create({ amount: 501, currency: "eur" }, { idempotencyKey }),
    ).rejects.toMatchObject({
      type: "StripeIdempotencyError",
    });
  });

  it("can lose an answer after the payment was created; a retry with the same key returns that payment", async () => {
    // the library itself retries a closed connection once
    await control("faults", [{ match: "POST /v1/payment_intents", kind: "reset_after", times: 2 }]);
    const idempotencyKey = crypto.randomUUID();
    const create = () => stripe.paymentIntents.create({ amount: 777, currency: "eur" }, { idempotencyKey });
    await expect(create()).rejects.toMatchObject({ type: "StripeConnectionError" });
    const { id } = await create();
    const { data } = await stripe.paymentIntents.list({ limit: 100 });
    expect(data.filter(({ amount }) => amount === 777).map((each) => each.id)).toEqual([id]);
  });

  it("refuses other API keys, and answers unknown paths with an error", async () => {
    const stranger = new Stripe("sk_test_other", host);
    await expect(stranger.balance.retrieve()).rejects.toMatchObject({ statusCode: 401 });
    await expect(stripe.products.list()).rejects.toMatchObject({ statusCode: 404 });
  });

  it("serves a payment page to holders of the client secret", async () => {
    const { id, client_secret } = await intent({ description: "Stay at <b>x</b>" });
    const payUrl = `${url}/pay/${id}?secret=${client_secret}`;
    const page = await (await fetch(payUrl)).text();
    expect(page).toContain("€100.00");
    expect(page).toContain("Stay at &lt;b&gt;x&lt;/b&gt;");
    const list = await (await fetch(url)).text();
    expect(list).toContain(`/pay/${id}?secret=${client_secret}`);
    expect(list).toContain("Stay at &lt;b&gt;x&lt;/b&gt;");
    expect((await fetch(`${url}/pay/${id}?secret=guess`)).status).toBe(404);
    const pay = (card: string) => fetch(payUrl, { method: "POST", body: new URLSearchParams({ card }) });
    expect((await pay("4000 0000 0000 0002")).status).toBe(402);
    expect(await (await pay("4242 4242 4242 4242")).text()).toContain("Paid.");
  });
});
