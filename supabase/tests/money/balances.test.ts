// What is paid later, and by a card that is kept: the parts of a long stay, what an alteration made dearer, and a second booking.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  beginPayment,
  book,
  bookAndPay,
  callFunction,
  createMarket,
  day,
  intentOf,
  payOnPage,
  stripe,
  untilStatus,
} from "../payment-support.ts";
import { database, type Person, signUp, until } from "../support.ts";

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

/** Says that a stay began so many days ago, of a host who is no longer new, and plans its charges by that. */
async function begin(bookingId: string, daysAgo: number) {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update private.bookings set confirmed_at = now() - interval '100 days',
      check_in_at = now() - make_interval(days => ${daysAgo}, mins => 1) where id = ${bookingId}`;
  });
  await sql`select private.reconcile_booking_money(${bookingId})`;
}

const charge = () => sql`select private.charge_balances(now())`;
/** What the clock would do to one booking in so many days. */
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

/** The latest payment of a booking, once it is as it should be; charges what is due meanwhile, as the clock does. */
const untilPayment = (bookingId: string, is: (payment: Payment) => boolean, what: string) =>
  until(async () => {
    await charge();
    return (await payments(bookingId)).findLast(is);
  }, what);
type Payment = Awaited<ReturnType<typeof payments>>[number];

/** From now on a person's card is one of Stripe's that decline. */
async function becomes(person: Person, method: string) {
  await sql`delete from public.payment_methods where stripe_payment_method_id = ${method}`;
  await sql`update public.payment_methods set stripe_payment_method_id = ${method} where profile_id = ${person.id}`;
}

/** What a booking's guest owes by the ledger. */
async function owed(bookingId: string): Promise<number> {
  const [row] = await sql`
    select coalesce(sum(e.amount), 0)::int as sum from private.ledger_entries e
    join private.ledger_accounts a on a.id = e.account_id where a.purpose = 'guest' and e.booking_id = ${bookingId}`;
  return Number(row?.sum);
}

async function payoutDue(bookingId: string): Promise<number> {
  const [row] =
    await sql`select private.payout_due(b, now())::int as due from private.bookings b where b.id = ${bookingId}`;
  return Number(row?.due);
}

describe("a stay of 70 nights", () => {
  it("is paid in parts of 30 nights, the further ones by the card of the first", async () => {
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
    // check-in is in 40 days; 30 days on, less three
    expect(Date.parse(schedule[1]?.due_at ?? "") - Date.parse(booking.check_in_at ?? "")).toBe(
      27 * 86_400_000,
    );
    expect(await owed(booking.id)).toBe(480_000);

    await charge();
    expect(await payments(booking.id)).toHaveLength(1);
    await begin(booking.id, 26);
    await charge();
    expect(await payments(booking.id)).toHaveLength(1);
    await begin(booking.id, 27);
    await Promise.all([charge(), charge(), charge()]);
    const second = await untilPayment(booking.id, ({ kind }) => kind === "balance", "the second part");
    await untilPayment(
      booking.id,
      ({ id, status }) => id === second.id && status === "captured",
      "its capture",
    );
    expect(second.amount).toBe(360_000);
    expect(await owed(booking.id)).toBe(120_000);
    await charge();
    expect(await payments(booking.id)).toHaveLength(2);
    await begin(booking.id, 57);
    await charge();
    await untilPayment(
      booking.id,
      ({ amount, status }) => amount === 120_000 && status === "captured",
      "the third part",
    );
    expect(await owed(booking.id)).toBe(0);
    await chargeLater(booking.id, 90);
    expect(await payments(booking.id)).toHaveLength(3);
  });

  it("pays the host no more than the guest has paid", async () => {
    const { booking } = await bookAndPay(guest, property, 120, 60);
    await begin(booking.id, 2);
    expect(await payoutDue(booking.id)).toBe(304_200); // 30 of 60 nights
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update private.bookings set check_in_at = now() - interval '45 days' where id = ${booking.id}`;
    });
    expect(await payoutDue(booking.id)).toBe(304_200); // the second half is due, and not paid
    await begin(booking.id, 45);
    await charge();
    await untilPayment(
      booking.id,
      ({ kind, status }) => kind === "balance" && status === "captured",
      "the balance",
    );
    expect(await payoutDue(booking.id)).toBe(608_400);
    await guest.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
  });

  it("gives back what was paid of it when it is cancelled, as the preview says", async () => {
    const { booking } = await bookAndPay(guest, property, 200, 60);
    const { data: preview } = await guest.client
      .rpc("preview_cancellation", { p_booking_id: booking.id })
      .throwOnError();
    expect([preview.refund_amount, preview.unpaid_amount]).toEqual([720_000, 360_000]);
    await guest.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    const refund = await until(async () => {
      const { data } = await guest.client
        .from("refunds")
        .select()
        .eq("booking_id", booking.id)
        .throwOnError();
      return data[0]?.status === "succeeded" ? data[0] : undefined;
    }, "the refund");
    expect(refund.amount).toBe(360_000);
    expect(await owed(booking.id)).toBe(0);
    await chargeLater(booking.id, 90);
    expect(await payments(booking.id)).toHaveLength(1);
  });

  it("is tried three days when the card is refused, and then left to the guest, who pays with another", async () => {
    const other = await signUp("Eva");
    const long = await createMarket();
    await sql`update public.properties set max_nights = 90 where id = ${long.property}`;
    const { booking } = await bookAndPay(other, long.property, 40, 60);
    // the card of the first part, by now empty
    await becomes(other, "pm_card_visa_chargeDeclined");
    await begin(booking.id, 27);
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
          return (await attempts()) === index + 1 ? true : undefined;
        },
        `try ${index + 1}`,
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
    const { data: told } = await other.client
      .from("notifications")
      .select("kind, data")
      .eq("booking_id", booking.id)
      .eq("kind", "payment_failed")
      .throwOnError();
    expect(told).toHaveLength(1);
    expect(told[0]?.data).toMatchObject({ amount: 360_000, currency: "EUR", you_are: "guest" });
    const begun = await beginPayment(other, booking.id);
    expect(begun.amount).toBe(360_000);
    await payOnPage(begun, "5555 5555 5555 4444");
    await until(async () => ((await owed(booking.id)) === 0 ? true : undefined), "the balance");
    const { data: cards } = await other.client.from("payment_methods").select("brand, last4").throwOnError();
    expect(cards).toContainEqual({ brand: "mastercard", last4: "4444" });
  });
});

describe("an alteration", () => {
  async function alter(bookingId: string, checkOut: string, by = guest) {
    const { data } = await by.client
      .from("bookings")
      .update({ check_out: checkOut })
      .eq("id", bookingId)
      .select("open_alteration_id")
      .single()
      .throwOnError();
    await host.client
      .rpc("accept_alteration", { p_alteration_id: data.open_alteration_id ?? "" })
      .throwOnError();
  }

  it("charges what is dearer to the card that paid, and gives back what is cheaper", async () => {
    const { booking } = await bookAndPay(guest, property, 300, 2);
    await alter(booking.id, day(303));
    expect(await owed(booking.id)).toBe(12_000);
    await charge();
    const dearer = await untilPayment(
      booking.id,
      ({ status, kind }) => kind === "alteration" && status === "captured",
      "the difference",
    );
    expect(dearer.captured_amount).toBe(12_000);
    expect(await owed(booking.id)).toBe(0);

    await alter(booking.id, day(301));
    const refunds = await until(async () => {
      const { data } = await guest.client
        .from("refunds")
        .select("amount, reason, status")
        .eq("booking_id", booking.id)
        .order("amount")
        .throwOnError();
      return data.length > 0 && data.every(({ status }) => status === "succeeded") ? data : undefined;
    }, "the refunds");
    expect(refunds.map(({ amount, reason }) => [amount, reason])).toEqual([
      [12_000, "alteration"],
      [12_000, "alteration"],
    ]);
    expect(await owed(booking.id)).toBe(0);
  });

  it("that was never paid is not to be paid once nothing of it is due", async () => {
    const eva = await signUp("Eva");
    const open = async (bookingId: string) =>
      (
        await sql`select status from public.payments where booking_id = ${bookingId} and kind = 'alteration' order by created_at`
      ).map(({ status }) => status);
    const { booking } = await bookAndPay(eva, property, 340, 2);
    // without a card nothing is charged by itself
    await eva.client.from("payment_methods").delete().eq("profile_id", eva.id).throwOnError();
    await alter(booking.id, day(343), eva);
    await beginPayment(eva, booking.id);
    await alter(booking.id, day(342), eva);
    expect(await open(booking.id)).toEqual(["cancelled"]);

    await alter(booking.id, day(343), eva);
    const begun = await beginPayment(eva, booking.id);
    await eva.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    expect(await open(booking.id)).toEqual(["cancelled", "cancelled"]);
    await until(
      async () => (await stripe.paymentIntents.retrieve(intentOf(begun))).status === "canceled" || undefined,
      "the end of the intent",
    );
    expect((await payOnPage(begun)).status).toBeGreaterThanOrEqual(400);
  });
});

describe("a kept card", () => {
  const card = async (person: Person) => {
    const { data } = await person.client.from("payment_methods").select().order("created_at").throwOnError();
    return data;
  };

  it("pays a further booking at once, for nobody but its owner, until it is forgotten", async () => {
    const ben = await signUp("Ben");
    await bookAndPay(ben, property, 320);
    const [kept] = await card(ben);
    expect(kept).toMatchObject({ brand: "visa", last4: "4242", profile_id: ben.id });
    const id = kept?.id ?? "";

    const booking = await book(ben, property, 330);
    const paid = await callFunction("payments", ben, { booking_id: booking.id, payment_method_id: id });
    expect(await paid.json()).toMatchObject({ status: "succeeded", amount: 24_000 });
    await untilStatus(ben, booking.id, "confirmed");
    expect(await card(ben)).toHaveLength(1);

    const others = await book(guest, property, 340);
    const stolen = await callFunction("payments", guest, { booking_id: others.id, payment_method_id: id });
    expect(stolen.status).toBe(404);
    expect(await card(await signUp("Eva"))).toEqual([]);
    await guest.client.from("payment_methods").delete().eq("id", id).throwOnError();
    expect(await card(ben)).toHaveLength(1);

    await ben.client.from("payment_methods").delete().eq("id", id).throwOnError();
    expect(await card(ben)).toEqual([]);
    await until(async () => {
      const method = await stripe.paymentMethods.retrieve(kept?.stripe_payment_method_id ?? "");
      return method.customer === null ? true : undefined;
    }, "Stripe to forget it");
    const last = await book(ben, property, 350);
    const gone = await callFunction("payments", ben, { booking_id: last.id, payment_method_id: id });
    expect(gone.status).toBe(404);
  });

  it("that is declined leaves the hold, and says why", async () => {
    const ben = await signUp("Ben");
    await bookAndPay(ben, property, 360);
    await becomes(ben, "pm_card_chargeDeclinedInsufficientFunds");
    const [kept] = await card(ben);
    const booking = await book(ben, property, 370);
    const response = await callFunction("payments", ben, {
      booking_id: booking.id,
      payment_method_id: kept?.id,
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
