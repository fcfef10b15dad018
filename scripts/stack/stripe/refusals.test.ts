// What the emulator refuses, in the shape of Stripe's errors.

import { beforeAll, describe, expect, it } from "vitest";
import { errorOf, startEmulator } from "./test-support.ts";

let emulator: Awaited<ReturnType<typeof startEmulator>>;
beforeAll(async () => {
  emulator = await startEmulator();
});

describe("parameters", () => {
  it.each([
    ["POST", "payment_intents", { amount: "500", currency: "eur", nonsense: "1" }, "nonsense"],
    ["POST", "refunds", { "metadata[a]": "1", booking: "b" }, "booking"],
    ["GET", "charges", { colour: "red" }, "colour"],
    ["GET", "events", { "created[after]": "1" }, "created[after]"],
    ["POST", "customers", { "address[planet]": "Mars" }, "address[planet]"],
  ] as const)(
    "are refused when Stripe does not know them: %s %s %o",
    async (method, path, parameters, param) => {
      const { status, body } = await emulator.raw(method, path, parameters);
      expect([status, body.error]).toEqual([
        400,
        {
          type: "invalid_request_error",
          code: "parameter_unknown",
          doc_url: "https://stripe.com/docs/error-codes/parameter-unknown",
          message: `Received unknown parameter: ${param}`,
          param,
        },
      ]);
    },
  );

  it.each([
    [
      "POST",
      "payment_intents",
      { amount: "500", currency: "eur", application_fee_amount: "1" },
      "application_fee_amount",
    ],
    [
      "POST",
      "payment_intents",
      { amount: "500", currency: "eur", "allowed_payment_method_types[0]": "sepa_debit" },
      "allowed_payment_method_types[0]",
    ],
    ["GET", "balance_transactions", { payout: "po_1" }, "payout"],
    ["POST", "accounts", { type: "custom" }, "type"],
  ] as const)("are named when the emulator lacks them: %s %s %o", async (method, path, parameters, param) => {
    const { status, body } = await emulator.raw(method, path, parameters);
    expect([status, body.error]).toMatchObject([
      400,
      {
        type: "invalid_request_error",
        code: "emulator_lacks_this",
        message: expect.stringMatching(/^The Stripe emulator lacks .*Stripe itself has it\.$/),
        param,
      },
    ]);
  });

  it.each([
    ["POST", "payment_intents", { amount: "500" }, "parameter_missing", "currency"],
    ["POST", "payment_intents", { amount: "5.5", currency: "eur" }, "parameter_invalid_integer", "amount"],
    ["POST", "payment_intents", { amount: "0", currency: "eur" }, "parameter_invalid_integer", "amount"],
    [
      "POST",
      "payment_intents",
      { amount: "500", currency: "eur", transfer_group: "" },
      "parameter_invalid_empty",
      "transfer_group",
    ],
    ["GET", "charges", { limit: "101" }, "parameter_invalid_integer", "limit"],
    ["GET", "charges", { starting_after: "ch_none" }, "resource_missing", "starting_after"],
    [
      "POST",
      "payment_intents",
      { amount: "500", currency: "eur", customer: "cus_none" },
      "resource_missing",
      "customer",
    ],
  ] as const)(
    "are refused when they are missing or malformed: %s %s %o",
    async (method, path, parameters, code, param) => {
      const { body } = await emulator.raw(method, path, parameters);
      expect(body.error).toMatchObject({ type: "invalid_request_error", code, param });
    },
  );

  it("are refused when a choice does not exist", async () => {
    const { body } = await emulator.raw("POST", "payment_intents", {
      amount: "500",
      currency: "eur",
      capture_method: "later",
    });
    expect(body.error).toEqual({
      type: "invalid_request_error",
      message: "Invalid capture_method: must be one of automatic, automatic_async, manual",
      param: "capture_method",
    });
  });

  it("may have 50 keys of metadata, of 40 characters, with values of 500", async () => {
    const { stripe } = emulator;
    const keys = Array.from({ length: 50 }, (_, index) => [`key${index}`, "v"]);
    const { metadata } = await stripe.customers.create({ metadata: Object.fromEntries(keys) });
    expect(Object.keys(metadata)).toHaveLength(50);
    for (const refused of [
      Object.fromEntries([...keys, ["one more", "v"]]),
      { ["k".repeat(41)]: "v" },
      { key: "v".repeat(501) },
    ]) {
      expect(await errorOf(stripe.customers.create({ metadata: refused }))).toMatchObject({ status: 400 });
    }
  });

  it("need a return_url while payment methods that redirect are allowed", async () => {
    const { stripe } = emulator;
    const { id } = await stripe.paymentIntents.create({ amount: 500, currency: "eur" });
    const confirm = (more: object) =>
      stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa", ...more });
    expect(await errorOf(confirm({}))).toMatchObject({ status: 400, param: "return_url" });
    expect((await confirm({ return_url: "https://example.com" })).status).toBe("succeeded");
  });
});

describe("expand", () => {
  it("is refused for what cannot be expanded, and works for what can", async () => {
    const { stripe, pay } = emulator;
    const { id } = await pay();
    const retrieve = (...expand: string[]) => stripe.paymentIntents.retrieve(id, { expand });
    expect(await errorOf(retrieve("latest_charge.colour"))).toMatchObject({
      status: 400,
      message: "This property cannot be expanded (latest_charge.colour).",
    });
    expect(await errorOf(retrieve("data.customer"))).toMatchObject({ status: 400 });
    expect(await errorOf(retrieve("amount"))).toMatchObject({ status: 400 });
    expect(await errorOf(stripe.paymentIntents.list({ expand: ["customer"] }))).toMatchObject({
      status: 400,
    });
    expect(await errorOf(retrieve("latest_charge.refunds"))).toMatchObject({ code: "emulator_lacks_this" });
    const { data } = await stripe.paymentIntents.list({
      limit: 1,
      expand: ["data.latest_charge.balance_transaction.source"],
    });
    expect(data[0]).toMatchObject({
      latest_charge: { balance_transaction: { fee: 320, source: { object: "charge" } } },
    });
  });
});

describe("addresses and headers", () => {
  it("are refused by name when the emulator lacks them", async () => {
    expect((await emulator.raw("GET", "products")).body.error).toEqual({
      type: "invalid_request_error",
      message:
        "Unrecognized request URL (GET: /v1/products). The Stripe emulator lacks it, or Stripe itself has no such address.",
    });
    const { stripe } = emulator;
    const elsewhere = stripe.balance.retrieve({}, { stripeAccount: "acct_1" });
    expect(await errorOf(elsewhere)).toMatchObject({ status: 400, code: "emulator_lacks_this" });
  });
});

describe("amounts", () => {
  /** The code of the error, or undefined when Stripe accepts the amount. */
  const codeOf = async (amount: number, currency: string) => {
    const { body } = await emulator.raw("POST", "payment_intents", { amount: String(amount), currency });
    return (body.error as { code?: string } | undefined)?.code;
  };

  it("have a minimum", async () => {
    expect(await errorOf(emulator.createIntent({ amount: 49 }))).toEqual({
      status: 400,
      type: "invalid_request_error",
      code: "amount_too_small",
      param: "amount",
      message: "Amount must be at least €0.50 eur",
    });
    for (const [currency, least] of [
      ["eur", 50],
      ["gbp", 30],
      ["jpy", 50],
      ["huf", 17_500],
      ["czk", 1_500],
      ["mxn", 1_000],
    ] as const) {
      expect([currency, await codeOf(least - 1, currency)]).toEqual([currency, "amount_too_small"]);
      expect([currency, await codeOf(least, currency)]).toEqual([currency, undefined]);
    }
  });

  it("have the minimum of the currency that they are converted to", async () => {
    await emulator.control("conversions", { sek: { to: "eur", rate: 0.1 } });
    // 4.99 SEK are 0.499 EUR, below 0.50 EUR, though above Sweden's 3.00 SEK
    expect(await errorOf(emulator.createIntent({ amount: 499, currency: "sek" }))).toMatchObject({
      code: "amount_too_small",
      message: "Amount must convert to at least €0.50 eur. SEK\u00a04.99 converts to approximately €0.50.",
    });
    expect(await codeOf(500, "sek")).toBeUndefined();
    await emulator.control("conversions", {});
    expect(await codeOf(499, "sek")).toBeUndefined();
  });

  it("have eight digits, more in a few currencies, twelve in rupiahs", async () => {
    expect(await errorOf(emulator.createIntent({ amount: 100_000_000 }))).toMatchObject({
      code: "amount_too_large",
      param: "amount",
      message: "Amount must be no more than €999,999.99",
    });
    for (const [currency, most] of [
      ["eur", 99_999_999],
      ["inr", 999_999_999],
      ["jpy", 9_999_999_999],
      ["idr", 999_999_999_999],
    ] as const) {
      expect([currency, await codeOf(most, currency)]).toEqual([currency, undefined]);
      expect([currency, await codeOf(most + 1, currency)]).toEqual([currency, "amount_too_large"]);
    }
  });

  it("end in 0 in currencies with three decimals, and are whole shillings and krónur", async () => {
    for (const [currency, right, wrong] of [
      ["kwd", 5_120, 5_124],
      ["bhd", 10_000, 10_001],
      ["ugx", 500_000, 500_050],
      ["isk", 50_000, 50_001],
    ] as const) {
      expect([currency, await codeOf(right, currency)]).toEqual([currency, undefined]);
      expect([currency, await codeOf(wrong, currency)]).toEqual([currency, "parameter_invalid_integer"]);
    }
    // Ariary have no decimals at Stripe, though ISO 4217 gives them two.
    expect(await codeOf(20_001, "mga")).toBeUndefined();
    const { id } = await emulator.pay({ amount: 20_000, currency: "kwd" });
    expect(
      await errorOf(emulator.stripe.refunds.create({ payment_intent: id, amount: 5_001 })),
    ).toMatchObject({
      code: "parameter_invalid_integer",
      param: "amount",
    });
  });

  it("are in a currency that can be charged", async () => {
    for (const currency of ["xxz", "kpw", "iqd"]) {
      const error = await errorOf(emulator.createIntent({ currency }));
      expect(error).toMatchObject({ status: 400, type: "invalid_request_error", param: "currency" });
      expect(error.message).toMatch(
        new RegExp(`^Invalid currency: ${currency}. Stripe currently supports these currencies: aed, afn,`),
      );
    }
  });

  it("of payouts in forints and Taiwan dollars are whole", async () => {
    const { stripe } = emulator;
    for (const currency of ["huf", "twd"]) {
      await emulator.pay({ amount: 2_000_000, currency });
      const payout = (amount: number) => stripe.payouts.create({ amount, currency });
      expect(await errorOf(payout(1_045))).toMatchObject({ status: 400, param: "amount" });
      expect((await payout(1_000)).amount).toBe(1_000);
    }
  });
});
