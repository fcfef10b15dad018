// Random histories: bookings, payments, alterations, cancellations, refunds, payouts and disputes, with webhooks repeated, held back, shuffled
// and lost, answers lost after the money moved, and workers that are cut off. In the end both books are the same, and legal.

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  beginPayment,
  book,
  callFunction,
  control,
  createMarket,
  day,
  isEmulated,
  payOnPage,
  stripe,
  untilBooksAgree,
} from "../payment-support.ts";
import { database, type Person, until } from "../support.ts";

const sql = database();
let guest: Person;
let host: Person;
let property: string;
let offset = 30;
/** Tasks up to this one are of other tests. */
let lastTask = 0;

beforeAll(async () => {
  ({ host, guest, property } = await createMarket());
  await sql`update private.settings set value = '0 days' where name = 'new_host_hold'`;
  // declined cards leave holds, and one guest books everything
  await sql`update private.settings set value = '100' where name = 'unpaid_bookings'`;
  const onboarding = await callFunction("connect", host, {
    action: "onboard",
    return_url: "https://example.com",
  });
  await fetch(((await onboarding.json()) as { url: string }).url, { redirect: "manual" });
  await callFunction("connect", host, { action: "status" });
  const [row] = await sql`select coalesce(max(id), 0)::int as id from private.stripe_tasks`;
  lastTask = Number(row?.id);
});
afterAll(async () => {
  await calm();
  await sql`update private.settings set value = '30 days' where name = 'new_host_hold'`;
  await sql`update private.settings set value = '20' where name = 'unpaid_bookings'`;
  await sql.end();
});

async function calm() {
  await control("webhooks", { copies: 1, hold: false, shuffle: false, lose: false });
  await control("faults", []);
}

const card = fc.constantFrom(
  "4242 4242 4242 4242",
  "4242 4242 4242 4242",
  "4000 0000 0000 0002",
  "4000 0000 0000 0259",
);
const webhooks = fc.record({
  copies: fc.integer({ min: 1, max: 3 }),
  hold: fc.boolean(),
  shuffle: fc.boolean(),
  lose: fc.boolean(),
});
const fault = fc.record({
  match: fc.constantFrom(
    "POST /v1/payment_intents",
    "POST /v1/refunds",
    "POST /v1/transfers",
    "GET /v1/payment_intents",
  ),
  kind: fc.constantFrom("error_after", "reset_after", "refuse_before"),
  status: fc.constantFrom(409, 429, 500, 503),
  times: fc.integer({ min: 1, max: 3 }),
});
const end = fc.constantFrom(
  "keep",
  "cancel",
  "host_cancels",
  "no_pay",
  "stay",
  "stay_then_cancel",
  "longer",
  "shorter",
  "longer_then_cancel",
);
const story = fc.record({ card, end, cutOff: fc.boolean() });
const history = fc.record({
  webhooks,
  faults: fc.array(fault, { maxLength: 2 }),
  stories: fc.array(story, { minLength: 1, maxLength: 3 }),
});

/** Everything that a party could do to one booking; what is refused at this moment is refused. */
async function live({ card, end, cutOff }: { card: string; end: string; cutOff: boolean }): Promise<string> {
  offset += 5;
  const booking = await book(guest, property, offset, 3);
  if (end === "no_pay") {
    await guest.client.from("bookings").delete().eq("id", booking.id);
    return booking.id;
  }
  const begun = await until(() => beginPayment(guest, booking.id).catch(() => undefined), "a payment");
  await payOnPage(begun, card);
  // a worker that died with what it had taken
  if (cutOff) await sql`select from public.take_stripe_tasks(3)`;
  if (cutOff) await sql`update private.stripe_tasks set leased_until = now() where done_at is null`;
  await control("release");
  if (end === "keep") return booking.id;
  await until(
    async () => {
      const [row] = await sql`select status from private.bookings where id = ${booking.id}`;
      return row?.status === "confirmed" ? true : undefined;
    },
    "confirmation",
    1_500,
  ).catch(() => undefined);
  if (end.startsWith("stay")) {
    await sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update private.bookings set check_in_at = now() - interval '2 days', check_out_at = now() + interval '5 days'
        where id = ${booking.id} and status = 'confirmed'`;
    });
    await sql`select private.release_payouts(now())`;
  }
  if (end.startsWith("longer") || end === "shorter") {
    const { data } = await guest.client
      .from("bookings")
      .update({ check_out: day(offset + (end === "shorter" ? 2 : 4)) })
      .eq("id", booking.id)
      .select("open_alteration_id")
      .maybeSingle();
    const proposal = data?.open_alteration_id;
    if (proposal) await host.client.rpc("accept_alteration", { p_alteration_id: proposal });
    await sql`select private.charge_balances(now())`;
  }
  if (end === "cancel" || end.endsWith("_then_cancel")) {
    await guest.client.rpc("cancel_booking", { p_booking_id: booking.id });
  }
  if (end === "host_cancels") await host.client.rpc("cancel_booking", { p_booking_id: booking.id });
  return booking.id;
}

it.skipIf(!isEmulated)(
  "ends in the same books on both sides, whatever happens on the way",
  async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ webhooks, faults, stories }) => {
        await control("webhooks", webhooks);
        await control("faults", faults);
        const bookings: string[] = [];
        for (const each of stories) bookings.push(await live(each));
        await calm();
        await control("release");
        // what was lost is fetched, what failed is tried again
        await untilBooksAgree(sql);

        const [books] = await sql`select
        (select count(*)::int from private.stripe_tasks where dead_at is not null and id > ${lastTask}) as dead,
        (select count(*)::int from (
          select 1 from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id
          group by e.transaction_id, a.currency having sum(e.amount) <> 0) x) as unbalanced,
        private.ledger_balance('stripe_clearing', null, 'EUR')::int as clearing,
        (select count(*)::int from private.bookings b where b.status = 'confirmed'
          and (select count(*) from public.occupancies o where o.booking_id = b.id) <> 1) as without_nights,
        (select count(*)::int from public.payments p where p.refunded_amount > p.captured_amount) as over_refunded,
        (select count(*)::int from public.payouts p join public.refunds r using (booking_id)
          where p.status = 'paid' and p.amount - p.reversed_amount > greatest(0, private.host_share(p.booking_id))) as overpaid`;
        const { available } = await stripe.balance.retrieve();
        const theirs = available.find(({ currency }) => currency === "eur")?.amount ?? 0;
        expect(books).toEqual({
          dead: 0,
          unbalanced: 0,
          clearing: theirs,
          without_nights: 0,
          over_refunded: 0,
          overpaid: 0,
        });
        // of each booking: what the guest paid and got back is what the booking costs
        for (const id of bookings) {
          const [row] = await sql`
          select (select sum(captured_amount - refunded_amount) from public.payments where booking_id = b.id)::int as kept,
            s.guest::int as costs, (select count(*)::int from public.disputes d where d.booking_id = b.id) as disputes
          from private.bookings b, private.booking_shares(b.id) s where b.id = ${id}`;
          if (row?.disputes === 0 && row.kept !== null) expect(row.kept).toBe(row.costs);
        }
      }),
      { numRuns: 12, interruptAfterTimeLimit: 90_000, endOnFailure: true },
    );
  },
  150_000,
);
