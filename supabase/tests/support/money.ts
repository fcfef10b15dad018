// Payments, refunds, payouts and the ledger, beside Stripe's own view of them.

import type { Sql } from "postgres";
import Stripe from "stripe";
import { findCard } from "../../../scripts/stack/stripe/cards.ts";
import { emulatorKeys } from "../../../scripts/stack/stripe/emulator.ts";
import { book, untilStatus } from "./bookings.ts";
import { type Client, callFunction, callInternal } from "./clients.ts";
import { database, withoutTriggers } from "./database.ts";
import { type Person, signUp } from "./people.ts";
import { createBookable } from "./properties.ts";
import { stack } from "./stack.ts";
import { until } from "./time.ts";

/** With a test key of Stripe, the Edge Functions and these tests talk to Stripe, and nothing can be steered. */
const key = process.env.STRIPE_SECRET_KEY ?? "";
export const isEmulated = key === "";
const { hostname, port } = new URL(stack.stripeUrl);

/** The platform's client of the emulator, or of the test account. */
export const stripe = isEmulated
  ? new Stripe(emulatorKeys.secret, { host: hostname, port: Number(port), protocol: "http" })
  : new Stripe(key);

// Stripe cannot send webhooks to a test stack, so the state of Stripe is fetched instead.
if (!isEmulated) {
  const sql = database();
  setInterval(() => void reconcile(sql).catch(() => {}), 2_000).unref();
}

/** Test cards by what Stripe does with them. */
export const cards = {
  accepted: "4242 4242 4242 4242",
  mastercard: "5555 5555 5555 4444",
  declined: "4000 0000 0000 0002",
  /** Is accepted, and disputed afterwards. */
  disputed: "4000 0000 0000 0259",
} as const;

export interface BegunPayment {
  payment_id: string;
  status: string;
  /** In minor units of the currency. */
  amount: number;
  currency: string;
  client_secret: string;
  publishable_key: string;
  pay_url: string;
}

/** Creates a host with a property that is booked instantly, and a guest. */
export async function createMarket() {
  const [host, guest] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  return { host, guest, property: await createBookable(host) };
}

/**
 * Opens an account at Stripe for a host, who can then be paid.
 * @param country ISO 3166 code, which decides the account's currency
 */
export async function onboardHost(host: Person, country = "PT"): Promise<void> {
  const request = { action: "onboard", return_url: "https://example.com/back", country };
  const { url } = (await (await callFunction("connect", host, request)).json()) as { url: string };
  await fetch(url, { redirect: "manual" });
  await callFunction("connect", host, { action: "status" });
}

/** Begins the payment of a booking. */
export async function beginPayment(guest: Person, bookingId: string): Promise<BegunPayment> {
  const response = await callFunction("payments", guest, { booking_id: bookingId });
  if (response.status !== 200) throw new Error(`payments: ${response.status} ${await response.text()}`);
  return (await response.json()) as BegunPayment;
}

/** The id of a payment's PaymentIntent, which is the first part of its client secret. */
export const intentOf = ({ client_secret }: BegunPayment) => client_secret.split("_secret_")[0] ?? "";

/**
 * Pays with a card on the emulator's page; with Stripe itself, confirms the payment as Stripe.js does.
 * @returns status 402 when the card is declined
 */
export async function payOnPage(
  payment: BegunPayment,
  card: string = cards.accepted,
): Promise<{ status: number }> {
  if (isEmulated) return fetch(payment.pay_url, { method: "POST", body: new URLSearchParams({ card }) });
  try {
    await stripe.paymentIntents.confirm(intentOf(payment), {
      payment_method: findCard(card)?.method ?? card,
    });
    return { status: 200 };
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeCardError)) throw error;
    return { status: 402 };
  }
}

/** Books, pays and waits for the confirmation. */
export async function bookAndPay(guest: Person, propertyId: string, daysAhead = 40, nights = 2) {
  const booking = await book(guest, propertyId, daysAhead, nights);
  const begun = await beginPayment(guest, booking.id);
  await payOnPage(begun);
  await untilStatus(guest, booking.id, "confirmed");
  return { booking, begun };
}

/** Waits until every refund of a booking has succeeded, and returns them, the smallest first. */
export async function untilRefunded(guest: { client: Client }, bookingId: string) {
  return until(async () => {
    const { data } = await guest.client
      .from("refunds")
      .select()
      .eq("booking_id", bookingId)
      .order("amount")
      .throwOnError();
    return data.length > 0 && data.every(({ status }) => status === "succeeded") && data;
  }, "the refund");
}

/** Releases payouts that are due. */
export async function releasePayouts(sql: Sql): Promise<void> {
  await sql`select private.release_payouts(now())`;
}

/** Charges balances that are due. */
export async function chargeBalances(sql: Sql): Promise<void> {
  await sql`select private.charge_balances(now())`;
}

/** Moves a confirmed stay so that it began two days ago and ends in five days: its payout is due. */
export async function beginStay(sql: Sql, bookingId: string): Promise<void> {
  await withoutTriggers(
    sql,
    (tx) => tx`update private.bookings set confirmed_at = now() - interval '100 days',
      check_in_at = now() - interval '2 days', check_out_at = now() + interval '5 days',
      check_in = current_date - 2, check_out = current_date - 2 + cardinality(night_prices)
      where id = ${bookingId} and status = 'confirmed'`,
  );
  await sql`select private.review_payable(${bookingId})`;
}

/** The balance of a booking on the ledger's accounts of one purpose, by currency, in minor units; debits are positive. */
export async function ledgerBalances(
  sql: Sql,
  bookingId: string,
  purpose: string,
): Promise<Record<string, number>> {
  const rows = await sql`
    select a.currency, sum(e.amount)::int as sum from private.ledger_entries e
    join private.ledger_accounts a on a.id = e.account_id
    where e.booking_id = ${bookingId} and a.purpose = ${purpose} group by a.currency`;
  return Object.fromEntries(rows.map(({ currency, sum }) => [currency, sum]));
}

/** What the guest of a booking owes by the ledger, in minor units. */
export async function guestOwes(sql: Sql, bookingId: string): Promise<number> {
  const balances = await ledgerBalances(sql, bookingId, "guest");
  return Object.values(balances).reduce((sum, balance) => sum + balance, 0);
}

/** Compares the ledger with Stripe, without waiting for the next run to be due; returns how many lines were compared and how many differ. */
export async function reconcile(sql: Sql): Promise<{ compared: number; differences: number }> {
  const response = await until(async () => {
    await sql`update private.internal_runs set started_at = '-infinity' where function_name = 'reconcile'`;
    const answer = await callInternal("reconcile");
    return answer.status !== 202 && answer; // another run is going on
  }, "a run of reconcile");
  if (response.status !== 200) throw new Error(`reconcile: ${response.status} ${await response.text()}`);
  return (await response.json()) as { compared: number; differences: number };
}

/** Runs every waiting task and reconciles until the ledger matches Stripe and no task is open; the error lists what is left. */
export async function untilBooksAgree(sql: Sql, timeout = 30_000) {
  let left: unknown;
  return until(
    async () => {
      await sql`update private.stripe_tasks set run_at = now() where done_at is null and dead_at is null and lease is null`;
      await chargeBalances(sql);
      await releasePayouts(sql);
      const answer = await reconcile(sql);
      const differences = await sql`
        select problem, source, stripe_net, ledger_net from public.reconciliation_differences
        where resolved_at is null`;
      const tasks = await sql`
        select kind, subject, attempts, leased_until, last_error from private.stripe_tasks
        where done_at is null and dead_at is null`;
      left = { differences: [...differences], tasks: [...tasks] };
      return differences.length === 0 && tasks.length === 0 && answer;
    },
    "the ledger to match Stripe",
    timeout,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(left)}`);
  });
}

/** Changes how the emulator behaves: its exchange rates, its faults, its webhooks; or releases webhooks that it holds. */
export function steerEmulator(
  what: "conversions" | "faults" | "webhooks" | "release",
  settings: unknown = {},
): Promise<Response> {
  return fetch(`${stack.stripeUrl}/_emulator/${what}`, { method: "POST", body: JSON.stringify(settings) });
}

/** What happens at Stripe without us. @returns the object; undefined when Stripe refuses it in the present state */
export async function atStripe<T>(
  command: "charge" | "refund" | "fail_refund" | "dispute" | "decide" | "early_fraud_warning",
  request: object,
): Promise<T | undefined> {
  const url = `${stack.stripeUrl}/_emulator/${command}`;
  const response = await fetch(url, { method: "POST", body: JSON.stringify(request) });
  return response.ok ? ((await response.json()) as T) : undefined;
}

/** Lets the emulator send each webhook once, in order. */
export function restoreWebhooks(): Promise<Response> {
  return steerEmulator("webhooks", { copies: 1, hold: false, shuffle: false, lose: false });
}
