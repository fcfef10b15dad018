// A guest pays in pounds, Stripe keeps dollars of them, and the host is paid in yen, at the rate of the quote.

import { afterAll, beforeAll, expect, it } from "vitest";
import { bookAndPay, callFunction, control, createMarket, isEmulated, stripe } from "../payment-support.ts";
import { database, type Person, signUpOperator, until } from "../support.ts";

const sql = database();
let guest: Person;
let host: Person;
let operator: Person;
let property: string;
beforeAll(async () => {
  ({ host, guest, property } = await createMarket());
  operator = await signUpOperator();
  const wish = { action: "onboard", return_url: "https://example.com/back", country: "JP" };
  const { url } = (await (await callFunction("connect", host, wish)).json()) as { url: string };
  await fetch(url, { redirect: "manual" });
  await callFunction("connect", host, { action: "status" });
  await sql`update public.properties set currency = 'GBP' where id = ${property}`;
  // yen to pay out: what the platform has taken in that currency
  const tokyo = await createMarket();
  await sql`update public.properties set currency = 'JPY', base_price = 60000 where id = ${tokyo.property}`;
  await bookAndPay(tokyo.guest, tokyo.property);
});
afterAll(async () => {
  await control("conversions", {});
  await sql.end();
});

async function balances(bookingId: string, purpose: string) {
  const rows = await sql`
    select a.currency, sum(e.amount)::int as sum from private.ledger_entries e
    join private.ledger_accounts a on a.id = e.account_id
    where e.booking_id = ${bookingId} and a.purpose = ${purpose} group by a.currency`;
  return Object.fromEntries(rows.map(({ currency, sum }) => [currency, sum]));
}

it.skipIf(!isEmulated)("keeps each in its currency, and the difference on its own account", async () => {
  await operator.client
    .from("exchange_rates")
    .insert({ from_currency: "GBP", to_currency: "JPY", rate: 163.5 })
    .throwOnError();
  await control("conversions", { gbp: { to: "usd", rate: 1.1 } });
  const { booking, begun } = await bookAndPay(guest, property);
  await control("conversions", {});
  expect([begun.amount, begun.currency, booking.host_total]).toEqual([24_000, "GBP", 20_280]);
  expect(await balances(booking.id, "guest")).toEqual({ GBP: 0 });
  // 264.00 USD less 2.9 % and 0.30 of 240.00 GBP, which are 7.26 GBP: 7.99 USD
  expect(await balances(booking.id, "stripe_clearing")).toEqual({ USD: 25_601 });

  await operator.client
    .from("exchange_rates")
    .insert({ from_currency: "GBP", to_currency: "JPY", rate: 1 })
    .throwOnError();
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update private.bookings set confirmed_at = now() - interval '100 days', check_in_at = now() - interval '2 days'
      where id = ${booking.id}`;
  });
  const payout = await until(async () => {
    await sql`select private.release_payouts(now())`;
    const { data } = await host.client.from("payouts").select().eq("booking_id", booking.id).throwOnError();
    return data[0]?.status === "paid" ? data[0] : undefined;
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
    return amount_reversed === 33_158 ? true : undefined;
  }, "the reversal");
  const books = await until(async () => {
    const found = {
      clearing: await balances(booking.id, "stripe_clearing"),
      guest: await balances(booking.id, "guest"),
      host: await balances(booking.id, "host_payable"),
    };
    return found.clearing.JPY === 0 && found.clearing.GBP !== undefined ? found : undefined;
  }, "the books");
  expect(books).toEqual({
    // the refund went out of euros, which the charge had not come to
    clearing: { GBP: -24_000, JPY: 0, USD: 25_601 },
    guest: { GBP: 0 },
    host: { GBP: 0 },
  });
  expect(await balances(booking.id, "fx_difference")).toEqual({ GBP: 24_000, JPY: 0, USD: -26_400 });
});
