// Stripe's webhooks when they are repeated, late, out of order, forged or lost: the money must end up the same.

// @module-tag embedded

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { book, untilStatus } from "../support/bookings.ts";
import { database } from "../support/database.ts";
import {
  atStripe,
  beginPayment,
  chargeBalances,
  createMarket,
  intentOf,
  isEmulated,
  payOnPage,
  reconcile,
  releasePayouts,
  restoreWebhooks,
  steerEmulator,
  stripe,
} from "../support/money.ts";
import type { Person } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const sql = database();
let guest: Person;
let property: string;
beforeAll(async () => {
  ({ guest, property } = await createMarket());
});
afterAll(async () => {
  await restoreWebhooks();
  await sql.end();
});

const url = `${stack.apiUrl}/functions/v1/stripe-webhook`;
const seconds = () => Math.floor(Date.now() / 1000);

function send(body: string, at = seconds(), secret = "whsec_staybase_emulator"): Promise<Response> {
  const digest = createHmac("sha256", secret).update(`${at}.${body}`).digest("hex");
  return fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", "stripe-signature": `t=${at},v1=${digest}` },
  });
}

const forged = (changes: object = {}) =>
  JSON.stringify({
    id: `evt_forged${crypto.randomUUID().replaceAll("-", "")}`,
    type: "payment_intent.succeeded",
    created: seconds(),
    data: { object: { id: "pi_unknown", amount: 1 } },
    ...changes,
  });

async function countEvents() {
  const [row] =
    await sql`select count(*)::int as count from private.stripe_events where id like 'evt_forged%'`;
  return row?.count;
}

/** Waits until no task of Stripe is open. */
async function untilTasksDone() {
  await until(async () => {
    const rows = await sql`select 1 from private.stripe_tasks where done_at is null and dead_at is null`;
    return rows.length === 0;
  }, "the tasks to be done");
}

/** The event of a type about a PaymentIntent. It may be on any page of the list, because periodic work causes events too. */
async function eventAbout(intent: string, type: string) {
  for await (const event of stripe.events.list({ limit: 100 })) {
    const object = event.data.object as { id?: string; payment_intent?: string };
    if (event.type === type && (object.id === intent || object.payment_intent === intent)) return event;
  }
  throw new Error(`Stripe has no event ${type} about ${intent}`);
}

/** Runs everything that runs periodically and may change money, and the tasks that it enqueues. */
async function runMoneyWork() {
  await sql`select private.expire_and_complete_bookings()`;
  await sql`select private.end_stale_authorizations(now())`;
  await chargeBalances(sql);
  await releasePayouts(sql);
  await untilTasksDone();
}

/** The ledger accounts of a booking: purpose, balance in minor units, number of entries. */
async function ledger(bookingId: string) {
  const rows = await sql`
    select a.purpose, sum(e.amount)::int as sum, count(*)::int as entries
    from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id
    where e.booking_id = ${bookingId} group by a.purpose order by a.purpose`;
  return rows.map(({ purpose, sum, entries }) => [purpose, sum, entries]);
}

describe.skipIf(!isEmulated)("the webhook", () => {
  it("refuses wrong, old and future signatures, bodies that are not events or are too large, and keeps none of them", async () => {
    const body = forged();
    expect((await send(body, seconds(), "whsec_wrong")).status).toBe(400);
    expect((await send(body, seconds() - 310)).status).toBe(400);
    expect((await send(body, seconds() + 310)).status).toBe(400);
    expect((await send("not JSON")).status).toBe(400);
    expect((await fetch(url, { method: "POST", body })).status).toBe(400);
    const large = forged({ padding: "x".repeat(9_900_000) });
    expect((await send(large)).status).toBe(413);
    expect(await countEvents()).toBe(0);
  });

  it("stores signed events of unknown types and accounts without applying them", async () => {
    const unread = forged({ type: "invoice.paid" });
    const account = forged({
      type: "account.updated",
      account: "acct_x",
      data: { object: { id: "acct_x" } },
    });
    expect((await send(unread)).status).toBe(200);
    expect((await send(account)).status).toBe(200);
    const row = await until(async () => {
      const [found] = await sql`
        select outcome from private.stripe_events where id = ${JSON.parse(unread).id} and applied_at is not null`;
      return found;
    }, "the outcome");
    expect(row.outcome).toBe("ignored: nothing depends on it");
    // Stripe does not know the account, so the task is listed as dead.
    const { id } = JSON.parse(account) as { id: string };
    await until(async () => {
      const rows = await sql`select 1 from public.dead_stripe_tasks where subject = ${id}`;
      return rows.length > 0;
    }, "the dead task");
  });
});

describe.skipIf(!isEmulated)("an event", () => {
  it("is applied once when it arrives a hundred times at once", async () => {
    const booking = await book(guest, property, 40);
    const begun = await beginPayment(guest, booking.id);
    await steerEmulator("webhooks", { lose: true });
    await payOnPage(begun);
    await steerEmulator("webhooks", { lose: false });
    const event = await eventAbout(intentOf(begun), "payment_intent.succeeded");
    const body = JSON.stringify(event);
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(body)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as { duplicate: boolean }[];
    expect(bodies.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    await untilStatus(guest, booking.id, "confirmed");
    await untilTasksDone();
    const [stored] =
      await sql`select count(*)::int as count from private.stripe_events where id = ${event.id}`;
    expect(stored?.count).toBe(1);
    // One entry for the price and one for the payment.
    expect((await ledger(booking.id)).find(([purpose]) => purpose === "guest")).toEqual(["guest", 0, 2]);
  });

  it.each([{ intent: true }, { intent: false }])(
    "about another business's payment is ignored, with a PaymentIntent or without one: $intent",
    async ({ intent }) => {
      const at = <T = { id: string }>(command: Parameters<typeof atStripe>[0], request: object) =>
        atStripe<T>(command, request).then((made) => {
          if (made === undefined) throw new Error(`Stripe refuses ${command}`);
          return made;
        });
      const count = async () => {
        const [row] = await sql`select (select count(*)::int from public.refunds) as refunds,
          (select count(*)::int from public.disputes) as disputes, (select count(*)::int from private.fraud_warnings) as warnings,
          (select count(*)::int from private.ledger_entries) as entries,
          (select count(*)::int from public.dead_stripe_tasks) as dead`;
        return row;
      };
      const before = await count();
      const charge = await at("charge", { amount: 5_000, currency: "eur", intent });
      const refund = await at("refund", { charge: charge.id, amount: 1_000 });
      await at("fail_refund", { refund: refund.id });
      const warning = await at("early_fraud_warning", { charge: charge.id });
      const dispute = await at("dispute", { charge: charge.id, inquiry: true });
      for (const status of ["needs_response", "lost", "won"])
        await at("decide", { dispute: dispute.id, status });
      const stored = await until(async () => {
        const events = await sql`select object_id as id, outcome from private.stripe_events
          where object_id = any (${[charge.id, refund.id, warning.id, dispute.id]}) and applied_at is not null`;
        return new Set(events.map(({ id }) => id)).size === 4 && events.length >= 8 && events;
      }, "the outcomes");
      await untilTasksDone();
      expect(stored.filter(({ outcome }) => !String(outcome).startsWith("ignored"))).toEqual([]);
      expect(await count()).toEqual(before);

      // Operators correct the books, and they agree with Stripe again.
      await reconcile(sql);
      await sql`select private.post_transaction('correction:' || d.balance_transaction, 'correction', 'Another business', now(),
          array[row('stripe_clearing', null, 'EUR', null, d.stripe_net)::private.posting,
            row('platform_fee', null, 'EUR', null, -d.stripe_net)::private.posting], d.balance_transaction)
        from public.reconciliation_differences d
        where d.resolved_at is null and d.source = any (${[charge.id, refund.id, dispute.id]})`;
      expect((await reconcile(sql)).differences).toBe(0);
    },
  );

  const types = ["payment_intent.created", "payment_intent.succeeded", "refund.created"] as const;
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];

  /**
   * Pays a booking and refunds 10.00 at Stripe, sends the events in an order, and does `between` after each.
   * @returns the payments of the booking and its ledger
   */
  async function applyInOrder(order: number[], daysAhead: number, between: () => Promise<void>) {
    const booking = await book(guest, property, daysAhead);
    await steerEmulator("webhooks", { lose: true });
    const begun = await beginPayment(guest, booking.id);
    await payOnPage(begun);
    const intent = intentOf(begun);
    await stripe.refunds.create({ payment_intent: intent, amount: 1_000 });
    await steerEmulator("webhooks", { lose: false });
    const events = await Promise.all(types.map((type) => eventAbout(intent, type)));
    for (const position of order) {
      expect((await send(JSON.stringify(events[position]))).status).toBe(200);
      await untilTasksDone();
      await between();
    }
    await untilStatus(guest, booking.id, "confirmed");
    const payments = await sql`
      select kind, status, captured_amount::int, refunded_amount::int from public.payments where booking_id = ${booking.id}`;
    return { payments: [...payments], ledger: await ledger(booking.id) };
  }

  it("has the same result in every order of created, succeeded and refunded", async () => {
    const results = new Set<string>();
    for (const [index, order] of orders.entries()) {
      results.add(JSON.stringify(await applyInOrder(order, 60 + index * 10, async () => {})));
    }
    expect([...results]).toEqual([...results].slice(0, 1)); // A comparison of sizes would not show the difference.
    expect([...results][0]).toContain('"refunded_amount":1000');
  });

  it("has the same result when periodic work runs between events, which charges no card for a refund made at Stripe", async () => {
    const undisturbed = await applyInOrder([0, 1, 2], 150, async () => {});
    expect(undisturbed.payments).toEqual([
      { kind: "booking", status: "captured", captured_amount: 24_000, refunded_amount: 1_000 },
    ]);
    for (const [index, order] of orders.entries()) {
      expect(await applyInOrder(order, 160 + index * 10, runMoneyWork)).toEqual(undisturbed);
    }
  });

  it("is found when more than a page of later events is listed before it", async () => {
    const booking = await book(guest, property, 220);
    await steerEmulator("webhooks", { lose: true });
    const begun = await beginPayment(guest, booking.id);
    for (let count = 0; count < 101; count += 1) {
      await stripe.paymentIntents.create({ amount: 100, currency: "eur" });
    }
    await steerEmulator("webhooks", { lose: false });
    const { data } = await stripe.events.list({ limit: 100 });
    expect(data.some(({ data: { object } }) => (object as { id?: string }).id === intentOf(begun))).toBe(
      false,
    );
    expect((await eventAbout(intentOf(begun), "payment_intent.created")).type).toBe("payment_intent.created");
  });

  it("is tried again with pauses while Stripe does not answer, and is applied in the end", async () => {
    const booking = await book(guest, property, 140);
    const begun = await beginPayment(guest, booking.id);
    await untilTasksDone();
    await steerEmulator("faults", [
      { match: "GET /v1/payment_intents", kind: "refuse_before", status: 503, times: 1_000 },
    ]);
    await payOnPage(begun);
    const again = await until(async () => {
      const [task] = await sql`
          select id, last_error from private.stripe_tasks
          where kind = 'event' and attempts > 1 and done_at is null and ordering_key = ${booking.id}`;
      return task;
    }, "a second attempt");
    expect(again.last_error).toMatch(/StripeAPIError/);
    await untilStatus(guest, booking.id, "awaiting_payment");
    await steerEmulator("faults", []);
    await untilStatus(guest, booking.id, "confirmed");
    await untilTasksDone();
    const [task] = await sql`select done_at, last_error from private.stripe_tasks where id = ${again.id}`;
    expect(task).toEqual({ done_at: expect.any(Date), last_error: null });
  });
});
