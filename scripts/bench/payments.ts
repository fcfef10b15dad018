// Measures money on the books of a platform that has grown: statements, payouts and what Stripe reports, in reads by primary key; then
// Stripe's webhooks: events a second that are stored and applied when many arrive at once, and the time from payment to confirmed
// booking at a steady rate.

import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import Stripe from "stripe";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { emulatorKeys } from "../stack/stripe/emulator.ts";
import { withTestStack } from "../test/stack.ts";
import { makeBooks } from "./books.ts";
import type { Figure } from "./figures.ts";
import { addSpaces, completeBookings } from "./market.ts";
import { benchMoneyAtSize } from "./money-at-size.ts";

const properties = 20;
/** Bookings that are paid at once; each causes three events. */
const rushSize = 200;
const paymentsPerSecond = 5;
const pacedSeconds = 20;

interface Payment {
  booking: string;
  intent: string;
}

/** @param size number of bookings in the books */
export function benchPayments(size = 1_000_000): Promise<Figure[]> {
  return withTestStack((config) => measure(config, size));
}

async function measure(config: StackConfig, size: number): Promise<Figure[]> {
  const admin = openDatabase(config, "supabase_admin", { max: 4 });
  const { hostname, port } = new URL(config.stripeUrl);
  const stripe = new Stripe(emulatorKeys.secret, { host: hostname, port: Number(port), protocol: "http" });
  try {
    // no periodic task changes the books while they are measured
    await admin`update cron.job set active = false`;
    const since = performance.now();
    const books = await makeBooks(admin, size);
    const made: Figure = {
      name: `books of ${size} bookings, made in`,
      value: (performance.now() - since) / 1000,
      unit: "s",
    };
    const atSize = await benchMoneyAtSize(config, books);
    await admin`update cron.job set active = true`;

    await control(config, "webhooks", { hold: true });
    const payments = await beginPayments(admin, stripe, rushSize + paymentsPerSecond * pacedSeconds + 1);
    // the first payment starts the Edge Functions
    const rush = payments.splice(0, rushSize);
    const [first, ...paced] = payments;
    await control(config, "webhooks", { hold: false });
    if (first === undefined) throw new Error("There is no payment.");
    await pay(stripe, first);
    await untilConfirmed(admin, [first]);
    return [
      made,
      ...atSize,
      ...(await benchRush(admin, stripe, config, rush)),
      ...(await benchConfirmation(admin, stripe, paced)),
    ];
  } finally {
    await admin.end();
  }
}

/** Creates unpaid bookings at a few properties, each with its PaymentIntent. */
export async function beginPayments(admin: Sql, stripe: Stripe, count: number): Promise<Payment[]> {
  const [host, guest] = [randomUUID(), randomUUID()];
  await admin`insert into auth.users (id, aud, role, email, email_confirmed_at)
    select id, 'authenticated', 'authenticated', id || '@example.com', now() from unnest(${[host, guest]}::uuid[]) as id`;
  const bookings = await admin.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`insert into public.properties (host_id, title, time_zone, currency, base_price, status)
      select ${host}, 'House', 'UTC', 'EUR', 10000, 'published' from generate_series(1, ${properties}::integer)`;
    await addSpaces(tx);
    await tx`insert into public.house_rules (property_id, version) select id, 1 from public.properties where host_id = ${host}`;
    const rows = await tx<{ id: string }[]>`insert into private.bookings (
        property_id, host_id, guest_id, status, expires_at, check_in, check_out, adults, children, infants, pets, booking_mode, currency,
        guest_total, host_total, night_prices, property_title, time_zone, check_in_from, check_out_until, check_in_at, check_out_at,
        cancellation_policy_id, cancellation_policy_name, cancellation_steps, house_rules_version, request_hash
      ) select
        p.id, p.host_id, ${guest}, 'awaiting_payment', now() + interval '1 hour', d, d + 3,
        1, 0, 0, 0, 'instant', 'EUR', 30000, 25350, '{10000,10000,10000}', 'House', 'UTC', '15:00', '11:00', d + time '15:00', d + 3 + time '11:00',
        'moderate', 'Moderate', '[]', 1, ''
      from generate_series(0, ${count - 1}::integer) n
      cross join lateral (select current_date + 10 + 4 * (n / ${properties}::integer) as d) days
      join (select p.*, row_number() over (order by p.id) - 1 as number from public.properties p where p.host_id = ${host}) p on p.number = n % ${properties}::integer
      returning id`;
    await completeBookings(
      tx,
      rows.map(({ id }) => id),
    );
    return rows;
  });
  const payments: Payment[] = [];
  for (const { id } of bookings) {
    const [row] = await admin`select public.begin_payment(${guest}, ${id}) ->> 'payment_id' as payment_id`;
    const intent = await stripe.paymentIntents.create({
      amount: 30_000,
      currency: "eur",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      metadata: { payment_id: String(row?.payment_id), booking_id: id },
    });
    payments.push({ booking: id, intent: intent.id });
  }
  return payments;
}

/** Pays with a card that is accepted. */
export const pay = (stripe: Stripe, { intent }: Payment) =>
  stripe.paymentIntents.confirm(intent, { payment_method: "pm_card_visa" });

async function benchRush(
  admin: Sql,
  stripe: Stripe,
  config: StackConfig,
  payments: Payment[],
): Promise<Figure[]> {
  await control(config, "webhooks", { hold: true });
  for (const payment of payments) await pay(stripe, payment);
  const [before] = await admin`select count(*)::integer as events from private.stripe_events`;
  const since = performance.now();
  await control(config, "release", {});
  const confirmed = await untilConfirmed(admin, payments);
  await untilApplied(admin);
  const seconds = (performance.now() - since) / 1000;
  await control(config, "webhooks", { hold: false });
  const [after] =
    await admin`select count(*)::integer as events, count(*) filter (where applied_at is null)::integer as open
    from private.stripe_events`;
  return [
    {
      name: "webhooks stored and applied",
      value: (after?.events - before?.events) / seconds,
      unit: "a second",
      atLeast: 20,
    },
    { name: "webhooks not applied", value: after?.open, unit: "", budget: 0 },
    { name: "paid and not confirmed", value: payments.length - confirmed, unit: "", budget: 0 },
  ];
}

async function benchConfirmation(admin: Sql, stripe: Stripe, payments: Payment[]): Promise<Figure[]> {
  const paidAt = new Map<string, number>();
  const start = Date.now();
  for (const [index, payment] of payments.entries()) {
    const turn = start + (index * 1000) / paymentsPerSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, turn - Date.now())));
    paidAt.set(payment.booking, Date.now());
    await pay(stripe, payment);
  }
  await untilConfirmed(admin, payments);
  const rows = await admin<{ booking_id: string; at: Date }[]>`
    select booking_id, recorded_at as at from private.booking_events
    where to_status = 'confirmed' and booking_id = any (${[...paidAt.keys()]}::uuid[])`;
  const times = rows
    .map(({ booking_id, at }) => at.getTime() - (paidAt.get(booking_id) ?? 0))
    .sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * times.length)] ?? Number.POSITIVE_INFINITY;
  return [
    { name: "payment to confirmed: half within", value: at(0.5), unit: "ms" },
    { name: "payment to confirmed: 95 of 100 within", value: at(0.95), unit: "ms", budget: 2000 },
    { name: "payments not confirmed", value: payments.length - times.length, unit: "", budget: 0 },
  ];
}

/** Waits until the bookings are confirmed, and returns how many are. */
async function untilConfirmed(admin: Sql, payments: Payment[]): Promise<number> {
  const ids = payments.map(({ booking }) => booking);
  for (const end = Date.now() + 60_000; ; ) {
    const [row] = await admin`select count(*)::integer as count from private.bookings
      where status = 'confirmed' and id = any (${ids}::uuid[])`;
    if (row?.count === ids.length || Date.now() > end) return row?.count;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until all stored events are applied. */
export async function untilApplied(admin: Sql): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; ) {
    const [row] =
      await admin`select count(*)::integer as open from private.stripe_tasks where done_at is null and dead_at is null`;
    if (row?.open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Steers the Stripe emulator. */
export async function control(config: StackConfig, what: string, request: unknown): Promise<void> {
  const response = await fetch(`${config.stripeUrl}/_emulator/${what}`, {
    method: "POST",
    body: JSON.stringify(request),
  });
  await response.body?.cancel();
}
