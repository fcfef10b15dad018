// Payments as an app makes them: book, pay with a test card, cancel, and receive the refund that the preview promised.

// @module-tag embedded

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { book, untilStatus } from "../support/bookings.ts";
import { callFunction } from "../support/clients.ts";
import { database } from "../support/database.ts";
import {
  beginPayment,
  bookAndPay,
  cards,
  createMarket,
  guestOwes,
  intentOf,
  isEmulated,
  payOnPage,
  steerEmulator,
  stripe,
  untilRefunded,
} from "../support/money.ts";
import { type Person, signUp } from "../support/people.ts";
import { expireBookingIn, until } from "../support/time.ts";

const sql = database();
let guest: Person;
let host: Person;
let property: string;
beforeAll(async () => {
  ({ host, guest, property } = await createMarket());
});
afterAll(() => sql.end());

describe("paying", () => {
  it("confirms the booking, and cancelling refunds exactly what the preview says", async () => {
    const booking = await book(guest, property, 40);
    const begun = await beginPayment(guest, booking.id);
    expect([begun.amount, begun.currency]).toEqual([booking.guest_total, "EUR"]);
    expect((await payOnPage(begun)).status).toBe(200);
    await untilStatus(guest, booking.id, "confirmed");
    expect(await guestOwes(sql, booking.id)).toBe(0);

    const { data: preview } = await guest.client
      .rpc("preview_cancellation", { p_booking_id: booking.id })
      .throwOnError();
    await guest.client.rpc("cancel_booking", { p_booking_id: booking.id }).throwOnError();
    const [refund] = await untilRefunded(guest, booking.id);
    expect(refund?.amount).toBe(preview.refund_amount);
    expect(refund?.reason).toBe("cancellation");
    const { latest_charge } = await stripe.paymentIntents.retrieve(intentOf(begun), {
      expand: ["latest_charge"],
    });
    expect(latest_charge).toMatchObject({ amount_refunded: preview.refund_amount });
    expect(await guestOwes(sql, booking.id)).toBe(0);
  });

  it("returns the same PaymentIntent to repeated and simultaneous requests", async () => {
    const booking = await book(guest, property, 50);
    const begun = await Promise.all(Array.from({ length: 8 }, () => beginPayment(guest, booking.id)));
    expect(new Set(begun.map(intentOf)).size).toBe(1);
    const { data } = await stripe.paymentIntents.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata.booking_id === booking.id)).toHaveLength(1);
  });

  it("keeps the hold after a declined card, and accepts the next card", async () => {
    const booking = await book(guest, property, 60);
    const begun = await beginPayment(guest, booking.id);
    expect((await payOnPage(begun, cards.declined)).status).toBe(402);
    const declined = await until(async () => {
      const { data } = await guest.client
        .from("payments")
        .select()
        .eq("id", begun.payment_id)
        .single()
        .throwOnError();
      return data.last_error !== null && data;
    }, "the reason");
    expect(declined).toMatchObject({
      status: "requires_payment",
      last_error: "Your card was declined.",
      captured_amount: 0,
    });
    await payOnPage(begun);
    await untilStatus(guest, booking.id, "confirmed");
  });

  it("accepts no amount, no currency and no booking of another person from a client", async () => {
    const booking = await book(guest, property, 70);
    const other = await signUp("Eva");
    const send = async (person: Person | undefined, body: unknown) =>
      (await callFunction("payments", person, body)).status;
    expect(await send(guest, { booking_id: booking.id, amount: 1 })).toBe(400);
    expect(await send(guest, { booking_id: booking.id, currency: "JPY" })).toBe(400);
    expect(await send(other, { booking_id: booking.id })).toBe(404);
    expect(await send(host, { booking_id: booking.id })).toBe(404);
    expect(await send(undefined, { booking_id: booking.id })).toBe(401);
    expect(await send(guest, { booking_id: "x" })).toBe(400);
    expect(await sql`select 1 from public.payments where booking_id = ${booking.id}`).toHaveLength(0);
    const { data } = await other.client.from("payments").select().throwOnError();
    expect(data).toEqual([]);
  });

  it.skipIf(!isEmulated)("creates one PaymentIntent even when Stripe's answer is lost", async () => {
    const booking = await book(guest, property, 80);
    await steerEmulator("faults", [{ match: "POST /v1/payment_intents", kind: "error_after", times: 4 }]);
    const lost = await callFunction("payments", guest, { booking_id: booking.id });
    expect(lost.status).toBe(502);
    await steerEmulator("faults", []);
    const begun = await beginPayment(guest, booking.id);
    const { data } = await stripe.paymentIntents.list({ limit: 100 });
    expect(data.filter(({ metadata }) => metadata.booking_id === booking.id).map(({ id }) => id)).toEqual([
      intentOf(begun),
    ]);
  });
});

describe("the payment of a booking request", () => {
  it("is authorised, captured when the host accepts, and cancelled when the host declines", async () => {
    await sql`update public.properties set booking_mode = 'request' where id = ${property}`;
    try {
      const accepted = await book(guest, property, 90);
      const first = await beginPayment(guest, accepted.id);
      await payOnPage(first);
      await until(async () => {
        const [row] = await sql`select status from public.payments where id = ${first.payment_id}`;
        return row?.status === "authorized";
      }, "the authorisation");
      expect((await stripe.paymentIntents.retrieve(intentOf(first))).amount_received).toBe(0);
      await host.client.rpc("accept_booking", { p_booking_id: accepted.id }).throwOnError();
      await untilStatus(guest, accepted.id, "confirmed");
      expect((await stripe.paymentIntents.retrieve(intentOf(first))).amount_received).toBe(
        accepted.guest_total,
      );

      const declined = await book(guest, property, 100);
      const second = await beginPayment(guest, declined.id);
      await payOnPage(second);
      await host.client.rpc("decline_booking", { p_booking_id: declined.id }).throwOnError();
      await until(async () => {
        const { status } = await stripe.paymentIntents.retrieve(intentOf(second));
        return status === "canceled";
      }, "the end of the authorisation");
    } finally {
      await sql`update public.properties set booking_mode = 'instant' where id = ${property}`;
    }
  });
});

describe("a payment after the hold has expired", () => {
  it("confirms the booking when the nights are still free", async () => {
    const booking = await book(guest, property, 110);
    const begun = await beginPayment(guest, booking.id);
    await expireBookingIn(sql, booking.id, 0);
    await untilStatus(guest, booking.id, "expired");
    await payOnPage(begun);
    await untilStatus(guest, booking.id, "confirmed");
    expect(await sql`select 1 from public.occupancies where booking_id = ${booking.id}`).toHaveLength(1);
  });

  it.skipIf(!isEmulated)("is refunded automatically when another guest has the nights", async () => {
    const booking = await book(guest, property, 120);
    const begun = await beginPayment(guest, booking.id);
    // Without this fault, the PaymentIntent would be cancelled before the guest pays.
    const match = `POST /v1/payment_intents/${intentOf(begun)}/cancel`;
    await steerEmulator("faults", [{ match, kind: "refuse_before", status: 503, times: 100 }]);
    await expireBookingIn(sql, booking.id, 0);
    const other = await signUp("Eva");
    await bookAndPay(other, property, 120);
    expect((await payOnPage(begun)).status).toBe(200);
    await steerEmulator("faults", []);
    await sql`update private.stripe_tasks set run_at = now() where ordering_key = ${booking.id} and done_at is null`;
    const [refund] = await untilRefunded(guest, booking.id);
    expect([refund?.amount, refund?.reason]).toEqual([booking.guest_total, "late_payment"]);
    expect(await guestOwes(sql, booking.id)).toBe(0);
    await untilStatus(guest, booking.id, "expired");
    const notification = await until(async () => {
      const { data } = await guest.client
        .from("notifications")
        .select("data, mailed_at")
        .eq("booking_id", booking.id)
        .eq("kind", "refund_sent")
        .throwOnError();
      return data[0]?.mailed_at !== null && data[0];
    }, "the mail");
    expect(notification.data).toMatchObject({ amount: booking.guest_total, refund_reason: "late_payment" });
  });
});
