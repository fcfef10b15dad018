// What tests of payments share: a booking, its payment, the emulator's own view of it.

import Stripe from "stripe";
import { findCard } from "../../scripts/stack/stripe/cards.ts";
import { emulatorKeys } from "../../scripts/stack/stripe/emulator.ts";
import { createPublished } from "./property-support.ts";
import { type database, type Person, signUp, stack, until } from "./support.ts";

/** Stripe's own test key, when there is one: then the functions and these tests talk to Stripe, and nothing steers it. */
const key = process.env.STRIPE_SECRET_KEY ?? "";
export const isEmulated = key === "";
const { hostname, port } = new URL(stack.stripeUrl);

/** Stripe as the platform sees it: the emulator's own books, or the test account's. */
export const stripe = isEmulated
  ? new Stripe(emulatorKeys.secret, { host: hostname, port: Number(port), protocol: "http" })
  : new Stripe(key);

// no webhook of Stripe's reaches a stack that is thrown away: what happened is fetched
if (!isEmulated) setInterval(() => void reconcile().catch(() => {}), 2_000).unref();

export interface Begun {
  payment_id: string;
  status: string;
  amount: number;
  currency: string;
  client_secret: string;
  publishable_key: string;
  pay_url: string;
}

/** A day that many days from now, YYYY-MM-DD. */
export function day(offset: number): string {
  return new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
}

/** Books two nights, in 40 days unless told otherwise. */
export async function book(guest: Person, property: string, offset = 40, nights = 2) {
  const { data } = await guest.client
    .from("bookings")
    .insert({ property_id: property, check_in: day(offset), check_out: day(offset + nights), adults: 1 })
    .select()
    .single()
    .throwOnError();
  return data as typeof data & { id: string; guest_total: number; currency: string };
}

/** Calls an Edge Function as a person, or without one. */
export async function callFunction(
  name: string,
  person: Person | undefined,
  body: unknown,
): Promise<Response> {
  const token = (await person?.client.auth.getSession())?.data.session?.access_token;
  return fetch(`${stack.apiUrl}/functions/v1/${name}`, {
    method: "POST",
    headers: {
      apikey: stack.publishableKey,
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
}

/** Begins the payment of a booking. */
export async function beginPayment(guest: Person, bookingId: string): Promise<Begun> {
  const response = await callFunction("payments", guest, { booking_id: bookingId });
  if (response.status !== 200) throw new Error(`payments: ${response.status} ${await response.text()}`);
  return (await response.json()) as Begun;
}

/** The PaymentIntent's id, as Stripe.js takes it from the client secret. */
export const intentOf = ({ client_secret }: Begun) => client_secret.split("_secret_")[0] ?? "";

/** Types a card into the page; with Stripe itself, which has no such page, confirms as Stripe.js would. Answers 402 when it declines. */
export async function payOnPage(begun: Begun, card = "4242 4242 4242 4242"): Promise<{ status: number }> {
  if (isEmulated) return fetch(begun.pay_url, { method: "POST", body: new URLSearchParams({ card }) });
  try {
    await stripe.paymentIntents.confirm(intentOf(begun), { payment_method: findCard(card)?.method ?? card });
    return { status: 200 };
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeCardError)) throw error;
    return { status: 402 };
  }
}

/** Waits until a booking has a status. */
export async function untilStatus(person: Person, bookingId: string, status: string) {
  return until(async () => {
    const { data } = await person.client
      .from("bookings")
      .select()
      .eq("id", bookingId)
      .single()
      .throwOnError();
    return data.status === status ? data : undefined;
  }, `booking ${status}`);
}

/** A booking that was paid. */
export async function bookAndPay(guest: Person, property: string, offset = 40, nights = 2) {
  const booking = await book(guest, property, offset, nights);
  const begun = await beginPayment(guest, booking.id);
  await payOnPage(begun);
  await untilStatus(guest, booking.id, "confirmed");
  return { booking, begun };
}

/** Asks for the comparison of ledger and Stripe; answers how many lines were compared and how many differ. */
export async function reconcile(): Promise<{ compared: number; differences: number }> {
  const response = await callFunction("reconcile", undefined, {});
  if (response.status !== 200) throw new Error(`reconcile: ${response.status} ${await response.text()}`);
  return (await response.json()) as { compared: number; differences: number };
}

/** Makes all that waits due and reconciles, until both books are the same and no task is open; says what is left when they do not become so. */
export async function untilBooksAgree(sql: ReturnType<typeof database>, timeout = 30_000) {
  let left: unknown;
  return until(
    async () => {
      await sql`update private.stripe_tasks set run_at = now() where done_at is null and dead_at is null and lease is null`;
      await sql`select private.charge_balances(now()), private.release_payouts(now())`;
      const answer = await reconcile();
      const differences = await sql`
        select problem, source, stripe_net, ledger_net from public.reconciliation_differences
        where reconciliation_id = (select max(id) from private.reconciliations)`;
      const tasks = await sql`
        select kind, subject, attempts, leased_until, last_error from private.stripe_tasks
        where done_at is null and dead_at is null`;
      left = { differences: [...differences], tasks: [...tasks] };
      return differences.length === 0 && tasks.length === 0 ? answer : undefined;
    },
    "both books to agree",
    timeout,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(left)}`);
  });
}

/** Tells the emulator how to misbehave. */
export function control(
  what: "conversions" | "faults" | "webhooks" | "release",
  wish: unknown = {},
): Promise<Response> {
  return fetch(`${stack.stripeUrl}/_emulator/${what}`, { method: "POST", body: JSON.stringify(wish) });
}

/** A host with a published house that is booked at once, and a guest. */
export async function createMarket() {
  const [host, guest] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  const property = await createPublished(host);
  await host.client.from("properties").update({ booking_mode: "instant" }).eq("id", property).throwOnError();
  return { host, guest, property };
}
