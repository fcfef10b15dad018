// 3-D Secure, saved cards, SetupIntents and ephemeral keys: what a front end does.

import Stripe from "stripe";
import { beforeAll, describe, expect, it } from "vitest";
import { errorOf, startEmulator, until } from "./test-support.ts";

let emulator: Awaited<ReturnType<typeof startEmulator>>;
beforeAll(async () => {
  emulator = await startEmulator();
});

/** Passes or fails the page of the bank, and returns where it leads. */
async function answerBank(
  next: Stripe.PaymentIntent.NextAction | Stripe.SetupIntent.NextAction | null,
  result: string,
) {
  const url = next?.redirect_to_url?.url ?? "";
  expect(await (await fetch(url)).text()).toContain("3-D Secure");
  const body = new URLSearchParams({ result });
  return fetch(url, { method: "POST", body, redirect: "manual" });
}

describe("3-D Secure", () => {
  it.each(["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"])(
    "is asked for by %s: confirmed, the payment succeeds; failed, it does not",
    async (payment_method) => {
      const { stripe, events, pay } = emulator;
      const asked = await pay({ payment_method, return_url: "https://example.com/back?booking=1" });
      expect([asked.status, asked.next_action?.type, asked.latest_charge]).toEqual([
        "requires_action",
        "redirect_to_url",
        null,
      ]);
      const failed = await answerBank(asked.next_action, "fail");
      expect(failed.headers.get("location")).toContain(
        "https://example.com/back?booking=1&payment_intent=pi_",
      );
      const left = await stripe.paymentIntents.retrieve(asked.id);
      expect([left.status, left.next_action, left.last_payment_error?.code]).toEqual([
        "requires_payment_method",
        null,
        "payment_intent_authentication_failure",
      ]);

      const again = await stripe.paymentIntents.confirm(asked.id, { payment_method });
      await answerBank(again.next_action, "pass");
      const paid = await stripe.paymentIntents.retrieve(asked.id, { expand: ["latest_charge"] });
      expect([paid.status, paid.amount_received, paid.next_action]).toEqual(["succeeded", 10_000, null]);
      expect(paid.latest_charge).toMatchObject({
        payment_method_details: { card: { three_d_secure: { result: "authenticated" } } },
      });
      const types = await until(() => {
        const ours = events.filter(({ data }) => (data.object as { id?: string }).id === asked.id);
        return ours.length === 5 && ours.map(({ type }) => type).sort();
      });
      expect(types).toEqual([
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
      ]);
    },
  );

  it("fails without the owner of the card", async () => {
    const { stripe, pay } = emulator;
    const customer = (await stripe.customers.create({})).id;
    const card = await stripe.paymentMethods.attach("pm_card_authenticationRequired", { customer });
    const refused = pay({ customer, payment_method: card.id, off_session: true });
    expect(await errorOf(refused)).toMatchObject({
      status: 402,
      type: "card_error",
      code: "authentication_required",
    });
    const { data } = await stripe.paymentIntents.list({ customer });
    expect(data[0]).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: { code: "authentication_required", decline_code: "authentication_required" },
    });
  });

  it("is not asked for again once a card has been saved with it", async () => {
    const { stripe, pay } = emulator;
    const customer = (await stripe.customers.create({})).id;
    const setup = await stripe.setupIntents.create({
      customer,
      payment_method: "pm_card_authenticationRequiredOnSetup",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      confirm: true,
    });
    expect(setup.status).toBe("requires_action");
    await answerBank(setup.next_action, "pass");
    const saved = await stripe.setupIntents.retrieve(setup.id);
    expect(saved.status).toBe("succeeded");
    const paid = await pay({ customer, payment_method: saved.payment_method as string, off_session: true });
    expect(paid.status).toBe("succeeded");
  });

  it("is a page that leads back to the page of the payment", async () => {
    const { createIntent, stripe, url } = emulator;
    const { id, client_secret } = await createIntent();
    const page = `${url}/pay/${id}?secret=${client_secret}`;
    const card = new URLSearchParams({ card: "4000 0027 6000 3184" });
    const asked = await fetch(page, { method: "POST", body: card, redirect: "manual" });
    const bank = asked.headers.get("location") ?? "";
    expect(bank).toContain(`/three-d-secure/${id}`);
    expect(await (await fetch(page)).text()).toContain("Go to the bank");
    expect((await fetch(bank.replace(/secret=.*/, "secret=guess"))).status).toBe(404);
    const body = new URLSearchParams({ result: "pass" });
    expect(await (await fetch(bank, { method: "POST", body })).text()).toContain("Paid.");
    expect((await stripe.paymentIntents.retrieve(id)).status).toBe("succeeded");
  });
});

describe("a card", () => {
  it("is saved with a SetupIntent, changed, and forgotten", async () => {
    const { stripe, pay } = emulator;
    const customer = (await stripe.customers.create({ name: "Ana" })).id;
    const { id, client_secret, status } = await stripe.setupIntents.create({
      customer,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    expect(status).toBe("requires_payment_method");
    const app = new Stripe("pk_test_staybase_emulator", emulator.host);
    const refused = app.setupIntents.confirm(id, {
      client_secret: client_secret ?? "",
      payment_method: "pm_card_visa_chargeDeclined",
    } as Stripe.SetupIntentConfirmParams);
    expect(await errorOf(refused)).toMatchObject({ status: 402, code: "card_declined" });
    const saved = await stripe.setupIntents.confirm(id, { payment_method: "pm_card_visa" });
    const method = saved.payment_method as string;
    expect([saved.status, (await stripe.paymentMethods.retrieve(method)).customer]).toEqual([
      "succeeded",
      customer,
    ]);

    const changed = await stripe.paymentMethods.update(method, {
      billing_details: { name: "Ana Sá", address: { city: "Porto" } },
      card: { exp_month: 3, exp_year: 2099 },
      metadata: { a: "1" },
    });
    expect([changed.card?.exp_month, changed.card?.exp_year, changed.metadata]).toEqual([
      3,
      2099,
      { a: "1" },
    ]);
    expect(changed.billing_details).toMatchObject({
      name: "Ana Sá",
      address: { city: "Porto", country: null },
    });

    const updated = await stripe.customers.update(customer, {
      email: "ana@example.com",
      name: "",
      invoice_settings: { default_payment_method: method },
      shipping: { name: "Ana", address: { line1: "Rua 1" } },
    });
    expect(updated).toMatchObject({
      email: "ana@example.com",
      name: null,
      invoice_settings: { default_payment_method: method },
      shipping: { name: "Ana", address: { line1: "Rua 1", city: null } },
    });

    await stripe.paymentMethods.detach(method);
    const reused = pay({ customer, payment_method: method });
    expect((await errorOf(reused)).message).toMatch(/It may not be used again/);
    const again = stripe.paymentMethods.attach(method, { customer });
    expect((await errorOf(again)).message).toMatch(/It may not be used again/);
  });

  it("is saved by a payment only when the payment says so", async () => {
    const { stripe, pay } = emulator;
    const customer = (await stripe.customers.create({})).id;
    const methods = async () => (await stripe.customers.listPaymentMethods(customer)).data.length;
    await pay({ customer });
    expect(await methods()).toBe(0);
    await pay({ customer, setup_future_usage: "off_session" });
    expect(await methods()).toBe(1);
  });

  it("goes with its customer", async () => {
    const { stripe, pay } = emulator;
    const customer = (await stripe.customers.create({})).id;
    const { payment_method } = await pay({ customer, setup_future_usage: "off_session" });
    expect(await stripe.customers.del(customer)).toEqual({ id: customer, object: "customer", deleted: true });
    expect((await stripe.paymentMethods.retrieve(payment_method as string)).customer).toBeNull();
    expect(await errorOf(pay({ customer }))).toMatchObject({ code: "resource_missing", param: "customer" });
  });
});

it("gives an app an ephemeral key for one customer", async () => {
  const { stripe, host } = emulator;
  const { id } = await stripe.customers.create({ name: "Ana" });
  const other = await stripe.customers.create({ name: "Ben" });
  const key = await stripe.ephemeralKeys.create({ customer: id }, { apiVersion: "2026-10-28.endive" });
  const app = new Stripe(key.secret ?? "", { ...host, maxNetworkRetries: 0 });
  expect((await app.customers.retrieve(id)).id).toBe(id);
  const card = await app.paymentMethods.attach("pm_card_visa", { customer: id });
  expect((await app.customers.listPaymentMethods(id)).data).toHaveLength(1);
  await app.paymentMethods.detach(card.id);
  expect(await errorOf(app.customers.retrieve(other.id))).toMatchObject({ status: 401 });
  expect(await errorOf(app.balance.retrieve())).toMatchObject({ status: 401 });
  await stripe.ephemeralKeys.del(key.id);
  expect(await errorOf(app.customers.retrieve(id))).toMatchObject({ status: 401 });
});
