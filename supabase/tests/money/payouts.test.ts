// The host's side: onboarding, payout after check-in, refund after payout, disputes, the statement, and Stripe's books against ours.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  beginPayment,
  book,
  bookAndPay,
  callFunction,
  createMarket,
  isEmulated,
  payOnPage,
  reconcile,
  stripe,
  untilBooksAgree,
  untilStatus,
} from "../payment-support.ts";
import { database, type Person, signUp, signUpOperator, stack, until } from "../support.ts";

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

/** Says that a stay began two days ago: what the clock would do. */
async function begin(bookingId: string) {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update private.bookings set check_in_at = now() - interval '2 days', check_out_at = now() + interval '5 days',
      check_in = current_date - 2, check_out = current_date - 2 + cardinality(night_prices) where id = ${bookingId}`;
  });
}

const release = () => sql`select private.release_payouts(now())`;

async function untilPayout(bookingId: string, status = "paid") {
  return until(async () => {
    const { data } = await host.client.from("payouts").select().eq("booking_id", bookingId).throwOnError();
    return data.find((payout) => payout.status === status);
  }, `payout ${status}`);
}

describe.skipIf(!isEmulated)("onboarding", () => {
  it("leads a host to Stripe and back, and nobody into another's account", async () => {
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
    const wish = { action: "onboard", return_url: "https://example.com/back", country: "PT" };
    expect((await call(host, { ...wish, account: "acct_other" })).status).toBe(400);
    expect((await call(host, { ...wish, return_url: "javascript:alert(1)" })).status).toBe(400);
    const { body } = await call(host, wish);
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
  it("pay the host's share a day after check-in, not before, and once", async () => {
    const { booking } = await bookAndPay(guest, property, 40);
    await release();
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(0);
    await begin(booking.id);
    await Promise.all([release(), release(), release()]);
    const payout = await untilPayout(booking.id);
    expect(payout.amount).toBe(booking.host_total);
    const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
    expect([transfer.amount, transfer.destination]).toEqual([booking.host_total, account]);
    await release();
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(1);
    const { data: told } = await host.client
      .from("notifications")
      .select("data")
      .eq("booking_id", booking.id)
      .eq("kind", "payout_sent")
      .throwOnError();
    expect(told.map(({ data }) => data)).toEqual([expect.objectContaining({ amount: booking.host_total })]);
  });

  it("wait while an operator holds them", async () => {
    const { booking } = await bookAndPay(guest, property, 60);
    await begin(booking.id);
    const hold = { booking_id: booking.id, reason: "The guest reports a flood." };
    expect((await host.client.from("payout_holds").insert(hold)).error?.code).toBe("42501");
    await operator.client.from("payout_holds").insert(hold).throwOnError();
    await release();
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(0);
    await operator.client
      .from("payout_holds")
      .update({ released_at: new Date().toISOString() })
      .eq("booking_id", booking.id)
      .throwOnError();
    await release();
    await untilPayout(booking.id);
  });

  it("are taken back when the guest is refunded after them", async () => {
    const { booking } = await bookAndPay(guest, property, 80, 4);
    await begin(booking.id);
    await release();
    const payout = await untilPayout(booking.id);
    await operator.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    await until(async () => {
      const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
      return transfer.amount_reversed === booking.host_total ? true : undefined;
    }, "the reversal");
    await until(async () => {
      const [row] = await sql`
        select coalesce(sum(amount), 0)::int as balance from public.host_statement where booking_id = ${booking.id}`;
      return row?.balance === 0 ? true : undefined;
    }, "the statement");
  });

  it("are frozen by a dispute, which gathers what the booking says, and freed when it is won", async () => {
    const booking = await book(guest, property, 100);
    await payOnPage(await beginPayment(guest, booking.id), "4000 0000 0000 0259");
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
    await begin(booking.id);
    await release();
    expect(await sql`select 1 from public.payouts where booking_id = ${booking.id}`).toHaveLength(0);
    await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: "winning_evidence" } });
    await until(async () => {
      const [row] = await sql`select status from public.disputes where id = ${dispute.id}`;
      return row?.status === "won" ? true : undefined;
    }, "the end of the dispute");
    await release();
    await untilPayout(booking.id);
  });
});

describe.skipIf(!isEmulated)("books", () => {
  it("show a host every line, as JSON and CSV, and nobody else's", async () => {
    const { data } = await host.client.from("host_statement").select().order("id").throwOnError();
    expect(data.length).toBeGreaterThan(3);
    expect(data.at(-1)?.balance).toBe(data.reduce((sum, line) => sum + (line.amount ?? 0), 0));
    const { data: none } = await (await signUp("Eva")).client.from("host_statement").select().throwOnError();
    expect(none).toEqual([]);
    const session = (await host.client.auth.getSession()).data.session;
    const csv = await fetch(
      `${stack.apiUrl}/rest/v1/host_statement?select=occurred_at,kind,amount,currency`,
      {
        headers: {
          apikey: stack.publishableKey,
          authorization: `Bearer ${session?.access_token}`,
          accept: "text/csv",
        },
      },
    );
    expect(csv.headers.get("content-type")).toContain("text/csv");
    expect((await csv.text()).split("\n")[0]).toBe("occurred_at,kind,amount,currency");
    const { data: seen } = await guest.client.from("booking_money").select("account").throwOnError();
    expect(new Set(seen.map(({ account }) => account))).toEqual(new Set(["guest"]));
  });

  it("are the same as Stripe's, to the unit; and what is not is listed", async () => {
    const result = await untilBooksAgree(sql);
    expect(result.compared).toBeGreaterThan(5);
    const [balanced] = await sql`
      select bool_and(sum = 0) as ok from (select sum(e.amount) from private.ledger_entries e
      join private.ledger_accounts a on a.id = e.account_id group by a.currency) s`;
    expect(balanced?.ok).toBe(true);
    const [ours] = await sql`select private.ledger_balance('stripe_clearing', null, 'EUR')::int as balance`;
    const { available } = await stripe.balance.retrieve();
    expect(available.find(({ currency }) => currency === "eur")?.amount).toBe(ours?.balance);

    // money that nobody here knows of
    const stray = await stripe.paymentIntents.create({
      amount: 500,
      currency: "eur",
      confirm: true,
      payment_method: "pm_card_visa",
    });
    expect((await reconcile()).differences).toBe(1);
    const { data } = await operator.client
      .from("reconciliation_differences")
      .select()
      .eq("source", String(stray.latest_charge))
      .throwOnError();
    expect(data[0]).toMatchObject({ problem: "missing_in_ledger", stripe_net: 455, ledger_net: null });
    const { data: hidden } = await host.client.from("reconciliation_differences").select().throwOnError();
    expect(hidden).toEqual([]);

    // once it is booked, both books are the same again
    await sql`
      select private.post_transaction(
        'correction:stray', 'correction', 'A test charge', now(),
        array[
          row('stripe_clearing', null, 'EUR', null, 455)::private.posting,
          row('stripe_fees', null, 'EUR', null, 45)::private.posting,
          row('platform_fee', null, 'EUR', null, -500)::private.posting
        ],
        ${data[0]?.balance_transaction ?? ""})`;
    expect((await reconcile()).differences).toBe(0);
  });
});
