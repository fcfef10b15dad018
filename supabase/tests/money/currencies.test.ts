// A guest pays in pounds, Stripe settles in dollars, and the host is paid in yen at the rate of the quote. Currencies that Stripe counts
// in other units than ISO 4217; payments that it refuses.

// @module-tag embedded

import { afterAll, beforeAll, expect, it } from "vitest";
import { currencies } from "../../../scripts/stack/stripe/currencies.ts";
import { book } from "../support/bookings.ts";
import { callFunction } from "../support/clients.ts";
import { database } from "../support/database.ts";
import {
  beginStay,
  bookAndPay,
  createMarket,
  intentOf,
  isEmulated,
  ledgerBalances,
  onboardHost,
  releasePayouts,
  steerEmulator,
  stripe,
  untilBooksAgree,
  untilRefunded,
} from "../support/money.ts";
import { type Person, signUpOperator } from "../support/people.ts";
import { until } from "../support/time.ts";

const sql = database();
let guest: Person;
let host: Person;
let operator: Person;
let property: string;
beforeAll(async () => {
  ({ host, guest, property } = await createMarket());
  operator = await signUpOperator();
  await onboardHost(host, "JP");
  await sql`update public.properties set currency = 'GBP' where id = ${property}`;
  // A payment in yen gives the platform the yen that it pays out.
  const tokyo = await createMarket();
  await sql`update public.properties set currency = 'JPY', base_price = 60000 where id = ${tokyo.property}`;
  await bookAndPay(tokyo.guest, tokyo.property);
});
afterAll(async () => {
  await steerEmulator("conversions", {});
  await sql.end();
});

it.skipIf(!isEmulated)(
  "keeps each amount in its own currency, and books exchange differences on an account of their own",
  async () => {
    await operator.client
      .from("exchange_rates")
      .insert({ from_currency: "GBP", to_currency: "JPY", rate: 163.5 })
      .throwOnError();
    await steerEmulator("conversions", { gbp: { to: "usd", rate: 1.1 } });
    const { booking, begun } = await bookAndPay(guest, property);
    await steerEmulator("conversions", {});
    expect([begun.amount, begun.currency, booking.host_total]).toEqual([24_000, "GBP", 20_280]);
    expect(await ledgerBalances(sql, booking.id, "guest")).toEqual({ GBP: 0 });
    // 264.00 USD less the fee of 7.26 GBP (2.9 % and 0.30 of 240.00 GBP), which is 7.99 USD
    expect(await ledgerBalances(sql, booking.id, "stripe_clearing")).toEqual({ USD: 25_601 });

    await operator.client
      .from("exchange_rates")
      .insert({ from_currency: "GBP", to_currency: "JPY", rate: 1 })
      .throwOnError();
    await beginStay(sql, booking.id);
    const payout = await until(async () => {
      await releasePayouts(sql);
      const { data } = await host.client.from("payouts").select().eq("booking_id", booking.id).throwOnError();
      return data[0]?.status === "paid" && data[0];
    }, "the payout");
    // 202.80 GBP at 163.5
    expect([payout.amount, payout.currency, payout.sent_amount, payout.sent_currency]).toEqual([
      20_280,
      "GBP",
      33_158,
      "JPY",
    ]);
    const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
    expect([transfer.amount, transfer.currency]).toEqual([33_158, "jpy"]);

    await operator.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    await until(async () => {
      const { amount_reversed } = await stripe.transfers.retrieve(transfer.id);
      return amount_reversed === 33_158;
    }, "the reversal");
    const books = await until(async () => {
      const found = {
        clearing: await ledgerBalances(sql, booking.id, "stripe_clearing"),
        guest: await ledgerBalances(sql, booking.id, "guest"),
        host: await ledgerBalances(sql, booking.id, "host_payable"),
      };
      return found.clearing.JPY === 0 && found.clearing.GBP !== undefined && found;
    }, "the books");
    expect(books).toEqual({
      // Stripe takes the refund from the balance in pounds, where the charge did not go.
      clearing: { GBP: -24_000, JPY: 0, USD: 25_601 },
      guest: { GBP: 0 },
      host: { GBP: 0 },
    });
    expect(await ledgerBalances(sql, booking.id, "fx_difference")).toEqual({
      GBP: 24_000,
      JPY: 0,
      USD: -26_400,
    });
  },
);

it("has the rules that the emulator enforces", async () => {
  const rows = await sql`
    select lower(code) as code, is_payable as chargeable, stripe_minor_unit as exponent,
      private.stripe_amount(step, code)::int as step, private.stripe_amount(minimum_charge, code)::float as minimum,
      private.stripe_amount(maximum_charge, code)::float as maximum
    from public.currencies`;
  expect(rows.length).toBeGreaterThan(140);
  for (const { code, chargeable, exponent, step, minimum, maximum } of rows) {
    const rules = currencies.get(code);
    expect([code, chargeable, exponent], code).toEqual([rules?.code, rules?.chargeable, rules?.exponent]);
    if (rules === undefined || !rules.chargeable) continue;
    // Whatever we move, Stripe moves too: to a card, from it and to a bank.
    expect([step % rules.step, step % rules.payoutStep], code).toEqual([0, 0]);
    expect(minimum % step, code).toBe(0);
    if (rules.minimum === null) expect(minimum, code).toBeGreaterThan(0);
    else expect(minimum, code).toBe(rules.minimum);
    expect(maximum, code).toBe(Math.floor((10 ** rules.digits - 1) / step) * step);
  }
});

it.each([
  // two nights; 84.5 % of them is the host's, rounded to the step
  {
    currency: "UGX",
    price: 240_001,
    total: 480_002,
    atStripe: 48_000_200,
    host: 405_602,
    transfer: 40_560_200,
  },
  { currency: "ISK", price: 12_001, total: 24_002, atStripe: 2_400_200, host: 20_282, transfer: 2_028_200 },
  {
    currency: "MGA",
    price: 24_000_100,
    total: 48_000_200,
    atStripe: 480_002,
    host: 40_560_200,
    transfer: 405_602,
  },
  { currency: "KWD", price: 33_330, total: 66_660, atStripe: 66_660, host: 56_330, transfer: 56_330 },
  {
    currency: "HUF",
    price: 1_200_100,
    total: 2_400_200,
    atStripe: 2_400_200,
    host: 2_028_200,
    transfer: 2_028_200,
  },
])("charges, pays out, reverses and refunds $currency in Stripe's units", async (money) => {
  const market = await createMarket();
  await onboardHost(market.host);
  await sql`update public.properties set currency = ${money.currency}, base_price = ${money.price} where id = ${market.property}`;
  const { booking, begun } = await bookAndPay(market.guest, market.property);
  expect([booking.guest_total, begun.amount, booking.host_total]).toEqual([
    money.total,
    money.total,
    money.host,
  ]);
  const intent = await stripe.paymentIntents.retrieve(intentOf(begun));
  expect([intent.amount_received, intent.currency]).toEqual([money.atStripe, money.currency.toLowerCase()]);

  await beginStay(sql, booking.id);
  const payout = await until(async () => {
    await releasePayouts(sql);
    const { data } = await market.host.client
      .from("payouts")
      .select()
      .eq("booking_id", booking.id)
      .throwOnError();
    return data[0]?.status === "paid" && data[0];
  }, "the payout");
  expect([payout.amount, payout.sent_amount]).toEqual([money.host, money.host]);
  const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
  expect(transfer.amount).toBe(money.transfer);

  await operator.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
  const [refund] = await untilRefunded(market.guest, booking.id);
  expect(refund?.amount).toBe(money.total);
  const refunds = await stripe.refunds.list({ payment_intent: intent.id });
  expect(refunds.data.map(({ amount }) => amount)).toEqual([money.atStripe]);
  await untilBooksAgree(sql);
  expect((await stripe.transfers.retrieve(transfer.id)).amount_reversed).toBe(money.transfer);
  expect(await ledgerBalances(sql, booking.id, "guest")).toEqual({ [money.currency]: 0 });
  expect(await ledgerBalances(sql, booking.id, "host_payable")).toEqual({ [money.currency]: 0 });
});

it.skipIf(!isEmulated)(
  "ends a booking that Stripe refuses to charge at once, and frees its nights",
  async () => {
    const market = await createMarket();
    // The owner of the installation believes in a lower minimum than Stripe's 0.50.
    await sql`update public.currencies set minimum_charge = 10, minimum_price = 10 where code = 'NZD'`;
    await sql`update public.properties set currency = 'NZD', base_price = 20 where id = ${market.property}`;
    const booking = await book(market.guest, market.property);
    const response = await callFunction("payments", market.guest, { booking_id: booking.id });
    expect(response.status).toBe(422);
    const { code, message } = (await response.json()) as { code: string; message: string };
    expect(code).toBe("payment_refused");
    expect(message).toContain("0.50");
    const { data } = await market.guest.client
      .from("bookings")
      .select()
      .eq("id", booking.id)
      .single()
      .throwOnError();
    expect([data.status, data.status_reason]).toEqual(["withdrawn", "Stripe refused the payment."]);
    await sql`update public.currencies set minimum_charge = 50, minimum_price = 100 where code = 'NZD'`;
    await sql`update public.properties set base_price = 12000 where id = ${market.property}`;
    await bookAndPay(market.guest, market.property);
  },
);

it.skipIf(!isEmulated)("tries a payment again when the refusal may pass", async () => {
  const market = await createMarket();
  const booking = await book(market.guest, market.property);
  await steerEmulator("faults", [
    { match: "POST /v1/payment_intents", kind: "refuse_before", status: 503, times: 100 },
  ]);
  const refused = await callFunction("payments", market.guest, { booking_id: booking.id });
  await steerEmulator("faults", []);
  expect(refused.status).toBe(502);
  const { data } = await market.guest.client
    .from("bookings")
    .select()
    .eq("id", booking.id)
    .single()
    .throwOnError();
  expect(data.status).toBe("awaiting_payment");
  expect((await callFunction("payments", market.guest, { booking_id: booking.id })).status).toBe(200);
});
