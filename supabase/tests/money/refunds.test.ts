// Money given back and asked for, as apps do it: in Stripe's dashboard, by host and operator through REST and GraphQL.

// @module-tag embedded

import { afterAll, beforeAll, expect, it } from "vitest";
import { queryGraphql } from "../support/clients.ts";
import { database } from "../support/database.ts";
import {
  bookAndPay,
  chargeBalances,
  createMarket,
  guestOwes,
  intentOf,
  isEmulated,
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
  // 120.00 a night, of which the host gets 84.5 %
  ({ host, guest, property } = await createMarket());
  operator = await signUpOperator();
});
afterAll(() => sql.end());

const payments = async (bookingId: string) =>
  sql`select kind, status, amount::int from public.payments where booking_id = ${bookingId} order by created_at`;

it.skipIf(!isEmulated)(
  "a refund in Stripe's dashboard stays back, and an operator decides who bears it",
  async () => {
    const { booking, begun } = await bookAndPay(guest, property, 40);
    await stripe.refunds.create({ payment_intent: intentOf(begun), amount: 2_000 });
    const [refund] = await untilRefunded(guest, booking.id);
    expect(refund).toMatchObject({ reason: "goodwill", borne_by: null, amount: 2_000 });
    await chargeBalances(sql);
    await untilBooksAgree(sql);
    expect([...(await payments(booking.id))]).toEqual([
      { kind: "booking", status: "captured", amount: 24_000 },
    ]);
    expect(await guestOwes(sql, booking.id)).toBe(0);

    const { data: cases } = await operator.client
      .from("reports")
      .select("reason, status")
      .eq("subject_id", booking.id)
      .throwOnError();
    expect(cases).toEqual([{ reason: "refund_at_stripe", status: "open" }]);
    const { data: told } = await guest.client
      .from("notifications")
      .select("kind")
      .eq("booking_id", booking.id)
      .eq("kind", "refund_sent")
      .throwOnError();
    expect(told).toHaveLength(1);

    const assignment = { p_refund_id: refund?.id ?? "", p_borne_by: "host" as const };
    expect((await host.client.rpc("assign_goodwill", assignment)).error?.code).toBe("PT403");
    await operator.client.rpc("assign_goodwill", assignment).throwOnError();
    const { data: lines } = await host.client
      .from("host_statement")
      .select("kind, amount")
      .eq("booking_id", booking.id)
      .order("id")
      .throwOnError();
    expect(lines).toEqual([
      { kind: "agreement", amount: 20_280 },
      { kind: "goodwill", amount: -2_000 },
    ]);
  },
);

it("a host gives back from the own share, as previewed, and a double click gives it once", async () => {
  const { booking } = await bookAndPay(guest, property, 50);
  const query = `query ($id: UUID!) { previewRefund(pBookingId: $id, pAmount: "3000") { hostAmount hostKeeps refundableAmount } }`;
  const { data } = await queryGraphql(query, { id: booking.id }, host);
  expect(data).toEqual({
    previewRefund: { hostAmount: "3000", hostKeeps: "17280", refundableAmount: "20280" },
  });
  const mutation = `mutation ($id: UUID!) { refundBooking(pBookingId: $id, pAmount: "3000", pReason: "The heater was broken") {
    edges { node { amount note borneBy } } } }`;
  await queryGraphql(mutation, { id: booking.id }, host);
  const again = { p_booking_id: booking.id, p_amount: 3_000, p_reason: "The heater was broken" };
  const { data: repeated } = await host.client.rpc("refund_booking", again).throwOnError();
  expect(repeated).toHaveLength(1);
  const refunds = await untilRefunded(guest, booking.id);
  expect(refunds.map(({ amount, note, borne_by }) => [amount, note, borne_by])).toEqual([
    [3_000, "The heater was broken", "host"],
  ]);
  const theirs = await guest.client.rpc("refund_booking", { ...again, p_amount: 1 });
  expect([theirs.error?.code, theirs.status]).toEqual(["PT403", 403]);
  const [row] = await sql`select private.host_share(${booking.id})::int as host`;
  expect(row?.host).toBe(17_280);
});

it.skipIf(!isEmulated)("a request is charged once the guest accepts it, and not before", async () => {
  const { booking } = await bookAndPay(guest, property, 60);
  const { data: request } = await host.client
    .from("money_requests")
    .insert({ booking_id: booking.id, amount: 1_500, reason: "A late check-out" })
    .select()
    .single()
    .throwOnError();
  await chargeBalances(sql);
  expect(await payments(booking.id)).toHaveLength(1);
  const { data } = await queryGraphql(
    `mutation ($id: UUID!) { acceptMoneyRequest(pRequestId: $id) { answer amount } }`,
    { id: request.id },
    guest,
  );
  expect(data).toEqual({ acceptMoneyRequest: { answer: "accepted", amount: "1500" } });
  const paid = await until(async () => {
    await chargeBalances(sql);
    return (await payments(booking.id)).find(
      ({ kind, status }) => kind === "request" && status === "captured",
    );
  }, "the charge");
  expect(paid.amount).toBe(1_500);
  expect(await guestOwes(sql, booking.id)).toBe(0);
  const [row] = await sql`select private.host_share(${booking.id})::int as host`;
  expect(row?.host).toBe(21_780);
});
