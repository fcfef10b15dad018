// A guest pays in pounds, Stripe settles in dollars, and the host is paid in yen at the rate of the quote.

// @module-tag embedded

import { afterAll, beforeAll, expect, it } from "vitest";
import { database } from "../support/database.ts";
import {
  beginStay,
  bookAndPay,
  createMarket,
  isEmulated,
  ledgerBalances,
  onboardHost,
  releasePayouts,
  steerEmulator,
  stripe,
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
