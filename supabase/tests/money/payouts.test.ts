// The host's money: onboarding, payouts after check-in, refunds after a payout, disputes, the statement, and reconciliation with Stripe.

// @module-tag embedded

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { book, untilStatus } from "../support/bookings.ts";
import { callFunction, request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import {
  beginPayment,
  beginStay,
  bookAndPay,
  cards,
  createMarket,
  isEmulated,
  payOnPage,
  reconcile,
  releasePayouts,
  stripe,
  untilBooksAgree,
} from "../support/money.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { until } from "../support/time.ts";

const sql = database();
let guest: Person;
let host: Person;
let operator: Person;
let property: string;
let account: string;
beforeAll(async () => {
  ({ host, guest, property } = await createMarket());
  operator = await signUpOperator();
  await sql`update private.settings set value = '0 days' where name = 'new_host_hold'`;
});
afterAll(async () => {
  await sql`update private.settings set value = '30 days' where name = 'new_host_hold'`;
  await sql.end();
});

async function untilPayout(bookingId: string, status = "paid") {
  return until(async () => {
    const { data } = await host.client.from("payouts").select().eq("booking_id", bookingId).throwOnError();
    return data.find((payout) => payout.status === status);
  }, `payout ${status}`);
}

describe.skipIf(!isEmulated)("onboarding", () => {
  it("leads a host to Stripe and back, and lets no user act on another person's account", async () => {
    const call = async (person: Person | undefined, body: unknown) => {
      const response = await callFunction("connect", person, body);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    expect((await call(undefined, { action: "status" })).status).toBe(401);
    expect((await call(host, { action: "status" })).body).toEqual({
      status: "none",
      payouts_enabled: false,
      requirements: [],
    });
    expect((await call(host, { action: "login" })).status).toBe(409);
    const onboarding = { action: "onboard", return_url: "https://example.com/back", country: "PT" };
    expect((await call(host, { ...onboarding, account: "acct_other" })).status).toBe(400);
    expect((await call(host, { ...onboarding, return_url: "javascript:alert(1)" })).status).toBe(400);
    const { body } = await call(host, onboarding);
    expect((await call(host, { action: "status" })).body.status).toBe("pending");
    const back = await fetch(String(body.url), { redirect: "manual" });
    expect(back.headers.get("location")).toBe("https://example.com/back");
    expect((await call(host, { action: "status" })).body.status).toBe("ready");
    expect((await call(host, { action: "login" })).status).toBe(200);
    const { data } = await host.client.from("payout_accounts").select().single().throwOnError();
    account = data.stripe_account_id;
    const { data: others } = await guest.client.from("payout_accounts").select().throwOnError();
    expect(others).toEqual([]);
  });
});

describe.skipIf(!isEmulated)("payouts", () => {
  it("pay the host's share once, and not before a day after check-in", async () => {
    const { booking } = await bookAndPay(guest, property, 40);
    await releasePayouts(sql);
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(0);
    await beginStay(sql, booking.id);
    await Promise.all([releasePayouts(sql), releasePayouts(sql), releasePayouts(sql)]);
    const payout = await untilPayout(booking.id);
    expect(payout.amount).toBe(booking.host_total);
    const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
    expect([transfer.amount, transfer.destination]).toEqual([booking.host_total, account]);
    await releasePayouts(sql);
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(1);
    const { data: notifications } = await host.client
      .from("notifications")
      .select("data")
      .eq("booking_id", booking.id)
      .eq("kind", "payout_sent")
      .throwOnError();
    expect(notifications.map(({ data }) => data)).toEqual([
      expect.objectContaining({ amount: booking.host_total }),
    ]);
  });

  it("wait while an operator holds them", async () => {
    const { booking } = await bookAndPay(guest, property, 60);
    await beginStay(sql, booking.id);
    const hold = { booking_id: booking.id, reason: "The guest reports a flood." };
    const refused = await host.client.from("payout_holds").insert(hold);
    expect([refused.status, errorCodes(refused.error)]).toEqual([403, ["insert_not_allowed"]]);
    await operator.client.from("payout_holds").insert(hold).throwOnError();
    await releasePayouts(sql);
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(0);
    await operator.client
      .from("payout_holds")
      .update({ released_at: new Date().toISOString() })
      .eq("booking_id", booking.id)
      .throwOnError();
    await releasePayouts(sql);
    await untilPayout(booking.id);
  });

  it("are reversed when the guest is refunded afterwards", async () => {
    const { booking } = await bookAndPay(guest, property, 80, 4);
    await beginStay(sql, booking.id);
    await releasePayouts(sql);
    const payout = await untilPayout(booking.id);
    await operator.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    await until(async () => {
      const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
      return transfer.amount_reversed === booking.host_total;
    }, "the reversal");
    await until(async () => {
      const [row] = await sql`
        select coalesce(sum(amount), 0)::int as balance from public.host_statement where booking_id = ${booking.id}`;
      return row?.balance === 0;
    }, "the statement");
  });

  it("are frozen by a dispute, which collects evidence from the booking, and released when it is won", async () => {
    const booking = await book(guest, property, 100);
    await payOnPage(await beginPayment(guest, booking.id), cards.disputed);
    await untilStatus(guest, booking.id, "confirmed");
    const dispute = await until(async () => {
      const { data } = await operator.client
        .from("disputes")
        .select()
        .eq("booking_id", booking.id)
        .throwOnError();
      return data[0];
    }, "the dispute");
    expect(dispute.evidence).toMatchObject({ booking: { id: booking.id } });
    await beginStay(sql, booking.id);
    await releasePayouts(sql);
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(0);
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: "winning_evidence" } });
    await until(async () => {
      const [row] = await sql`select status from public.disputes where id = ${dispute.id}`;
      return row?.status === "won";
    }, "the end of the dispute");
    await releasePayouts(sql);
    await untilPayout(booking.id);
  });
});

describe.skipIf(!isEmulated)("statements and reconciliation", () => {
  it("show a host every line of their own statement, as JSON and as CSV", async () => {
    const { data } = await host.client.from("host_statement").select().order("id").throwOnError();
    expect(data.length).toBeGreaterThan(3);
    expect(data.at(-1)?.balance).toBe(data.reduce((sum, line) => sum + (line.amount ?? 0), 0));
    const { data: none } = await (await signUp("Eva")).client.from("host_statement").select().throwOnError();
    expect(none).toEqual([]);
    const csv = await request(host, "/rest/v1/host_statement?select=occurred_at,kind,amount,currency", {
      headers: { accept: "text/csv" },
    });
    expect(csv.headers.get("content-type")).toContain("text/csv");
    expect((await csv.text()).split("\n")[0]).toBe("occurred_at,kind,amount,currency");
    const { data: seen } = await guest.client.from("booking_money").select("account").throwOnError();
    expect(new Set(seen.map(({ account }) => account))).toEqual(new Set(["guest"]));
  });

  it("keep each host's balance and what is open as the sums of the entries", async () => {
    const [wrong] = await sql`
      with ledger as (
        select e.booking_id, sum(e.amount) as balance from private.ledger_entries e
        where e.purpose = 'host_payable' and e.booking_id is not null group by e.booking_id
      ), moving as (
        select m.booking_id, sum(m.amount) as amount from (
          select p.booking_id, p.amount from public.payouts p where p.status = 'pending'
          union all select p.booking_id, -r.amount
          from private.payout_reversals r join public.payouts p on p.id = r.payout_id where r.status = 'pending'
        ) m group by m.booking_id
      ), running as (
        select e.balance_after, sum(e.amount) over (partition by e.account_id order by e.id) as sum
        from private.ledger_entries e where e.purpose = 'host_payable'
      )
      select
        (select count(*)::int from private.open_payables o full join ledger l using (booking_id) full join moving m using (booking_id)
          where coalesce(o.balance, 0) <> coalesce(l.balance, 0) or coalesce(o.in_flight, 0) <> coalesce(m.amount, 0)) as payables,
        (select count(*)::int from running r where r.balance_after <> r.sum) as balances,
        (select count(*)::int from running) > 5 as some`;
    expect(wrong).toEqual({ payables: 0, balances: 0, some: true });
  });

  it("match Stripe to the cent, and list every difference", async () => {
    const result = await untilBooksAgree(sql);
    expect(result.compared).toBeGreaterThan(5);
    const [balanced] = await sql`
      select bool_and(sum = 0) as ok from (select sum(e.amount) from private.ledger_entries e
      join private.ledger_accounts a on a.id = e.account_id group by a.currency) s`;
    expect(balanced?.ok).toBe(true);
    const [ours] = await sql`select private.ledger_balance('stripe_clearing', null, 'EUR')::int as balance`;
    const { available } = await stripe.balance.retrieve();
    expect(available.find(({ currency }) => currency === "eur")?.amount).toBe(ours?.balance);

    // A charge that the ledger does not know.
    const stray = await stripe.paymentIntents.create({
      amount: 500,
      currency: "eur",
      confirm: true,
      payment_method: "pm_card_visa",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    expect((await reconcile(sql)).differences).toBe(1);
    const { data } = await operator.client
      .from("reconciliation_differences")
      .select()
      .eq("source", String(stray.latest_charge))
      .throwOnError();
    expect(data).toMatchObject([
      { problem: "missing_in_ledger", stripe_net: 455, ledger_net: null, resolved_at: null },
    ]);
    // A later comparison that finds it again adds no row.
    expect((await reconcile(sql)).differences).toBe(1);
    const { data: again } = await operator.client
      .from("reconciliation_differences")
      .select()
      .eq("source", String(stray.latest_charge))
      .throwOnError();
    expect(again).toEqual([{ ...data[0], last_seen_at: again[0]?.last_seen_at }]);
    expect(Date.parse(again[0]?.last_seen_at ?? "")).toBeGreaterThan(Date.parse(data[0]?.last_seen_at ?? ""));
    const { data: hidden } = await host.client.from("reconciliation_differences").select().throwOnError();
    expect(hidden).toEqual([]);

    // After a correction the ledger matches Stripe again.
    await sql`
      select private.post_transaction(
        'correction:stray', 'correction', 'A test charge', now(),
        array[
          row('stripe_clearing', null, 'EUR', null, 455)::private.posting,
          row('stripe_fees', null, 'EUR', null, 45)::private.posting,
          row('platform_fee', null, 'EUR', null, -500)::private.posting
        ],
        ${data[0]?.balance_transaction ?? ""})`;
    expect((await reconcile(sql)).differences).toBe(0);
    const { data: resolved } = await operator.client
      .from("reconciliation_differences")
      .select("first_seen_at, resolved_at")
      .eq("source", String(stray.latest_charge))
      .throwOnError();
    expect(resolved).toEqual([{ first_seen_at: data[0]?.first_seen_at, resolved_at: expect.any(String) }]);
  });
});
