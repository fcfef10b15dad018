// Later payments and saved cards: the instalments of a long stay, the price difference of an alteration, and further bookings.

// @module-tag embedded

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alterCheckOut, book, untilStatus } from "../support/bookings.ts";
import { callFunction } from "../support/clients.ts";
import { database, withoutTriggers } from "../support/database.ts";
import {
  beginPayment,
  bookAndPay,
  cards,
  chargeBalances,
  createMarket,
  guestOwes,
  intentOf,
  payOnPage,
  stripe,
  untilRefunded,
} from "../support/money.ts";
import { type Person, signUp } from "../support/people.ts";
import { dayAhead, millisecondsPerDay, until } from "../support/time.ts";

const sql = database();
let guest: Person;
let host: Person;
let property: string;
beforeAll(async () => {
  ({ host, guest, property } = await createMarket());
  // 120.00 a night, of which the host gets 84.5 %
  await sql`update public.properties set max_nights = 90, booking_window_days = 700 where id = ${property}`;
});
afterAll(() => sql.end());

/** Makes a stay begin `daysAgo` days ago and plans its charges again. */
async function beginDaysAgo(bookingId: string, daysAgo: number) {
  await withoutTriggers(
    sql,
    (tx) => tx`update private.bookings set confirmed_at = now() - interval '100 days',
      check_in_at = now() - make_interval(days => ${daysAgo}, mins => 1) where id = ${bookingId}`,
  );
  await sql`select private.reconcile_booking_money(${bookingId})`;
}

/** Charges one booking as if `days` more days had passed. */
const chargeLater = (bookingId: string, days: number) =>
  sql`select private.charge_balance(${bookingId}, now() + make_interval(days => ${days}))`;

async function payments(bookingId: string) {
  const { data } = await guest.client
    .from("payments")
    .select("id, kind, status, amount, captured_amount, refunded_amount, last_error")
    .eq("booking_id", bookingId)
    .order("created_at")
    .throwOnError();
  return data;
}

/** Charges what is due until a payment of the booking matches, and returns the latest that does. */
const untilPayment = (bookingId: string, matches: (payment: Payment) => boolean, what: string) =>
  until(async () => {
    await chargeBalances(sql);
    return (await payments(bookingId)).findLast(matches);
  }, what);
type Payment = Awaited<ReturnType<typeof payments>>[number];

/** Replaces a person's saved card by one of Stripe's test cards. */
async function replaceCard(person: Person, method: string) {
  await sql`delete from public.payment_methods where stripe_payment_method_id = ${method}`;
  await sql`update public.payment_methods set stripe_payment_method_id = ${method} where profile_id = ${person.id}`;
}

async function payoutDue(bookingId: string): Promise<number> {
  const [row] =
    await sql`select private.payout_due(b, now())::int as due from private.bookings b where b.id = ${bookingId}`;
  return Number(row?.due);
}

describe("a stay of 70 nights", () => {
  it("is paid in instalments of 30 nights, the later ones with the card of the first", async () => {
    const { booking, begun } = await bookAndPay(guest, property, 40, 70);
    expect([booking.guest_total, booking.host_total]).toEqual([840_000, 709_800]);
    expect(begun.amount).toBe(360_000);
    const { data: schedule } = await guest.client
      .rpc("payment_schedule", { p_booking_id: booking.id })
      .throwOnError();
    expect(schedule.map(({ number, amount, currency }) => [number, amount, currency])).toEqual([
      [1, 360_000, "EUR"],
      [2, 360_000, "EUR"],
      [3, 120_000, "EUR"],
    ]);
    expect(schedule[0]?.due_at).toBeNull();
    // The second 30 nights begin 30 days after check-in, and are charged three days before.
    expect(Date.parse(schedule[1]?.due_at ?? "") - Date.parse(booking.check_in_at ?? "")).toBe(
      27 * millisecondsPerDay,
    );
    expect(await guestOwes(sql, booking.id)).toBe(480_000);

    await chargeBalances(sql);
    expect(await payments(booking.id)).toHaveLength(1);
    await beginDaysAgo(booking.id, 26);
    await chargeBalances(sql);
    expect(await payments(booking.id)).toHaveLength(1);
    await beginDaysAgo(booking.id, 27);
    await Promise.all([chargeBalances(sql), chargeBalances(sql), chargeBalances(sql)]);
    const second = await untilPayment(booking.id, ({ kind }) => kind === "balance", "the second instalment");
    await untilPayment(
      booking.id,
      ({ id, status }) => id === second.id && status === "captured",
      "its capture",
    );
    expect(second.amount).toBe(360_000);
    expect(await guestOwes(sql, booking.id)).toBe(120_000);
    await chargeBalances(sql);
    expect(await payments(booking.id)).toHaveLength(2);
    await beginDaysAgo(booking.id, 57);
    await chargeBalances(sql);
    await untilPayment(
      booking.id,
      ({ amount, status }) => amount === 120_000 && status === "captured",
      "the third instalment",
    );
    expect(await guestOwes(sql, booking.id)).toBe(0);
    await chargeLater(booking.id, 90);
    expect(await payments(booking.id)).toHaveLength(3);
  });

  it("pays the host no more than the guest has paid", async () => {
    const { booking } = await bookAndPay(guest, property, 120, 60);
    await beginDaysAgo(booking.id, 2);
    expect(await payoutDue(booking.id)).toBe(304_200); // 30 of 60 nights
    await withoutTriggers(
      sql,
      (tx) =>
        tx`update private.bookings set check_in_at = now() - interval '45 days' where id = ${booking.id}`,
    );
    expect(await payoutDue(booking.id)).toBe(304_200); // The guest has not paid the second half yet.
    await beginDaysAgo(booking.id, 45);
    await chargeBalances(sql);
    await untilPayment(
      booking.id,
      ({ kind, status }) => kind === "balance" && status === "captured",
      "the balance",
    );
    expect(await payoutDue(booking.id)).toBe(608_400);
    await guest.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
  });

  it("is refunded on cancellation up to what the guest has paid, as the preview says", async () => {
    const { booking } = await bookAndPay(guest, property, 200, 60);
    const { data: preview } = await guest.client
      .rpc("preview_cancellation", { p_booking_id: booking.id })
      .throwOnError();
    expect([preview.refund_amount, preview.unpaid_amount]).toEqual([720_000, 360_000]);
    await guest.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    const [refund] = await untilRefunded(guest, booking.id);
    expect(refund?.amount).toBe(360_000);
    expect(await guestOwes(sql, booking.id)).toBe(0);
    await chargeLater(booking.id, 90);
    expect(await payments(booking.id)).toHaveLength(1);
  });

  it("is charged on three days when the card is declined, and then waits for the guest to pay with another card", async () => {
    const other = await signUp("Eva");
    const long = await createMarket();
    await sql`update public.properties set max_nights = 90 where id = ${long.property}`;
    const { booking } = await bookAndPay(other, long.property, 40, 60);
    // The saved card has no money left.
    await replaceCard(other, "pm_card_visa_chargeDeclined");
    await beginDaysAgo(booking.id, 27);
    const attempts = async () => {
      const [row] = await sql`
        select count(*)::int as tried from private.stripe_tasks t join public.payments p on t.subject like p.id || ':%'
        where p.booking_id = ${booking.id} and t.kind = 'charge' and t.done_at is not null`;
      return Number(row?.tried);
    };
    for (const [index, days] of [0, 2, 4].entries()) {
      await until(
        async () => {
          await chargeLater(booking.id, days);
          return (await attempts()) === index + 1;
        },
        `attempt ${index + 1}`,
      );
    }
    await chargeLater(booking.id, 90);
    expect(await attempts()).toBe(3);
    const [payment] = await sql`
      select status, last_error from public.payments where booking_id = ${booking.id} and kind = 'balance'`;
    expect(payment).toMatchObject({
      status: "requires_payment",
      last_error: expect.stringContaining("declined"),
    });
    const { data: notifications } = await other.client
      .from("notifications")
      .select("kind, data")
      .eq("booking_id", booking.id)
      .eq("kind", "payment_failed")
      .throwOnError();
    expect(notifications).toHaveLength(1);
    expect(notifications[0]?.data).toMatchObject({ amount: 360_000, currency: "EUR", you_are: "guest" });
    const begun = await beginPayment(other, booking.id);
    expect(begun.amount).toBe(360_000);
    await payOnPage(begun, cards.mastercard);
    await until(async () => (await guestOwes(sql, booking.id)) === 0, "the balance");
    const { data: methods } = await other.client
      .from("payment_methods")
      .select("brand, last4")
      .throwOnError();
    expect(methods).toContainEqual({ brand: "mastercard", last4: "4444" });
  });
});

describe("an alteration", () => {
  it("charges a higher price to the saved card, and refunds the difference to a lower one", async () => {
    const { booking } = await bookAndPay(guest, property, 300, 2);
    await alterCheckOut(guest, host, booking.id, dayAhead(303));
    expect(await guestOwes(sql, booking.id)).toBe(12_000);
    await chargeBalances(sql);
    const extra = await untilPayment(
      booking.id,
      ({ status, kind }) => kind === "alteration" && status === "captured",
      "the difference",
    );
    expect(extra.captured_amount).toBe(12_000);
    expect(await guestOwes(sql, booking.id)).toBe(0);

    await alterCheckOut(guest, host, booking.id, dayAhead(301));
    const refunds = await untilRefunded(guest, booking.id);
    expect(refunds.map(({ amount, reason }) => [amount, reason])).toEqual([
      [12_000, "alteration"],
      [12_000, "alteration"],
    ]);
    expect(await guestOwes(sql, booking.id)).toBe(0);
  });

  it("by 0.30, which no card can be charged, waits for the next charge", async () => {
    const ben = await signUp("Ben");
    const market = await createMarket();
    // from the third guest on, 0.10 a night
    await sql`update public.properties set extra_guest_price = 10, extra_guests_after = 2, max_guests = 4 where id = ${market.property}`;
    const { booking } = await bookAndPay(ben, market.property, 40, 3);
    const { data: proposal } = await ben.client
      .from("bookings")
      .update({ adults: 3 })
      .eq("id", booking.id)
      .select("open_alteration_id")
      .single()
      .throwOnError();
    const { data: accepted } = await market.host.client
      .rpc("accept_alteration", { p_alteration_id: proposal.open_alteration_id ?? "" })
      .single()
      .throwOnError();
    expect(accepted.guest_total).toBe(36_030);
    await chargeBalances(sql);
    expect(await guestOwes(sql, booking.id)).toBe(30);
    const refused = await callFunction("payments", ben, { booking_id: booking.id });
    expect([refused.status, await refused.json()]).toEqual([
      409,
      expect.objectContaining({ details: expect.stringContaining(`"code": "due_below_minimum"`) }),
    ]);
    const kinds = async () =>
      (
        await sql`select kind, status, amount::int from public.payments where booking_id = ${booking.id} order by created_at`
      ).map(({ kind, status, amount }) => [kind, status, amount]);
    expect(await kinds()).toEqual([["booking", "captured", 36_000]]);
    expect(
      await sql`select from private.stripe_tasks t join public.payments p on t.subject like p.id || '%'
        where p.booking_id = ${booking.id} and t.dead_at is not null`,
    ).toHaveLength(0);

    // one more night costs 120.10
    await alterCheckOut(ben, market.host, booking.id, dayAhead(44));
    await until(async () => {
      await chargeBalances(sql);
      return (await guestOwes(sql, booking.id)) === 0;
    }, "the charge");
    expect(await kinds()).toEqual([
      ["booking", "captured", 36_000],
      ["alteration", "captured", 12_040],
    ]);
  });

  it("ends its unpaid payment when the price falls again or the booking is cancelled", async () => {
    const eva = await signUp("Eva");
    const statuses = async (bookingId: string) =>
      (
        await sql`select status from public.payments where booking_id = ${bookingId} and kind = 'alteration' order by created_at`
      ).map(({ status }) => status);
    const { booking } = await bookAndPay(eva, property, 340, 2);
    // Without a saved card, nothing is charged automatically.
    await eva.client.from("payment_methods").delete().eq("profile_id", eva.id).throwOnError();
    await alterCheckOut(eva, host, booking.id, dayAhead(343));
    await beginPayment(eva, booking.id);
    await alterCheckOut(eva, host, booking.id, dayAhead(342));
    expect(await statuses(booking.id)).toEqual(["cancelled"]);

    await alterCheckOut(eva, host, booking.id, dayAhead(343));
    const begun = await beginPayment(eva, booking.id);
    await eva.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    expect(await statuses(booking.id)).toEqual(["cancelled", "cancelled"]);
    await until(
      async () => (await stripe.paymentIntents.retrieve(intentOf(begun))).status === "canceled",
      "the PaymentIntent to be cancelled",
    );
    expect((await payOnPage(begun)).status).toBeGreaterThanOrEqual(400);
  });
});

describe("a saved card", () => {
  const savedCards = async (person: Person) => {
    const { data } = await person.client.from("payment_methods").select().order("created_at").throwOnError();
    return data;
  };

  it("pays further bookings of its owner only, until it is deleted", async () => {
    const ben = await signUp("Ben");
    await bookAndPay(ben, property, 320);
    const [saved] = await savedCards(ben);
    expect(saved).toMatchObject({ brand: "visa", last4: "4242", profile_id: ben.id });
    const id = saved?.id ?? "";

    const booking = await book(ben, property, 330);
    const paid = await callFunction("payments", ben, { booking_id: booking.id, payment_method_id: id });
    expect(await paid.json()).toMatchObject({ status: "succeeded", amount: 24_000 });
    await untilStatus(ben, booking.id, "confirmed");
    expect(await savedCards(ben)).toHaveLength(1);

    const others = await book(guest, property, 340);
    const stolen = await callFunction("payments", guest, { booking_id: others.id, payment_method_id: id });
    expect(stolen.status).toBe(404);
    expect(await savedCards(await signUp("Eva"))).toEqual([]);
    await guest.client.from("payment_methods").delete().eq("id", id).throwOnError();
    expect(await savedCards(ben)).toHaveLength(1);

    await ben.client.from("payment_methods").delete().eq("id", id).throwOnError();
    expect(await savedCards(ben)).toEqual([]);
    await until(async () => {
      const method = await stripe.paymentMethods.retrieve(saved?.stripe_payment_method_id ?? "");
      return method.customer === null;
    }, "Stripe to detach the card");
    const last = await book(ben, property, 350);
    const deleted = await callFunction("payments", ben, { booking_id: last.id, payment_method_id: id });
    expect(deleted.status).toBe(404);
  });

  it("ends with the account: Stripe no longer has the customer", async () => {
    const eva = await signUp("Eva");
    const booking = await book(eva, property, 360);
    await beginPayment(eva, booking.id);
    const [stored] = await sql<{ id: string }[]>`
      select stripe_customer_id as id from private.stripe_customers where profile_id = ${eva.id}`;
    expect(stored?.id).toMatch(/^cus_/);
    await eva.client.from("bookings").delete().eq("id", booking.id).throwOnError();
    await eva.client.rpc("delete_account").throwOnError();
    await until(async () => {
      const customer = await stripe.customers.retrieve(stored?.id ?? "");
      return customer.deleted === true;
    }, "Stripe to delete the customer");
    expect(await sql`select from private.stripe_customers where profile_id = ${eva.id}`).toHaveLength(0);
  });

  it("keeps the hold when it is declined, and the error says why", async () => {
    const ben = await signUp("Ben");
    await bookAndPay(ben, property, 360);
    await replaceCard(ben, "pm_card_chargeDeclinedInsufficientFunds");
    const [saved] = await savedCards(ben);
    const booking = await book(ben, property, 370);
    const response = await callFunction("payments", ben, {
      booking_id: booking.id,
      payment_method_id: saved?.id,
    });
    expect(response.status).toBe(402);
    expect(await response.json()).toMatchObject({
      code: "card_declined",
      message: "Your card has insufficient funds.",
    });
    await untilStatus(ben, booking.id, "awaiting_payment");
    const begun = await beginPayment(ben, booking.id);
    await payOnPage(begun);
    await untilStatus(ben, booking.id, "confirmed");
    expect((await stripe.paymentIntents.retrieve(intentOf(begun))).amount_received).toBe(24_000);
  });
});
