// The events that `npm run trigger` makes: each by the calls of an app, or at the Stripe emulator.

import { StackError } from "../lib/errors.ts";
import type { Session } from "./session.ts";

export interface Event {
  does: string;
  run(session: Session): Promise<void>;
}

/** Properties of Ana in supabase/seed.sql, and of Rui, whose payouts the disputes of Ana's guests do not reduce. */
const instant = [2, 4, 6, 14];
const onRequest = [1, 3, 5];
const ofRui = [8, 10, 12];
const declinedCard = "4000000000000002";

/** Books, pays, and waits for the confirmation. @returns the booking and its PaymentIntent */
async function confirmed(
  session: Session,
  homes = instant,
  daysAhead?: number,
): Promise<{ id: string; intent: string }> {
  const { id, guest } = await session.book(homes, daysAhead);
  const intent = await session.pay(guest, id);
  await untilStatus(session, id, "confirmed");
  return { id, intent };
}

async function requested(session: Session): Promise<string> {
  const { id, guest } = await session.book(onRequest);
  await session.pay(guest, id);
  await session.until("the authorisation", async () => {
    const rows =
      await session.sql`select from public.payments where booking_id = ${id} and status = 'authorized'`;
    return rows.length > 0 ? true : undefined;
  });
  return id;
}

function untilStatus({ sql, until }: Session, id: string, status: string): Promise<true> {
  return until(`the booking to be ${status}`, async () => {
    const rows = await sql`select from private.bookings where id = ${id} and status = ${status}`;
    return rows.length > 0 ? true : undefined;
  });
}

/** A dispute that is new in the database too. */
async function disputed(session: Session): Promise<string> {
  const { intent } = await confirmed(session);
  const { id } = await session.atStripe("dispute", { payment_intent: intent });
  await session.until("the dispute", async () => {
    const rows = await session.sql`select from public.disputes where id = ${id}`;
    return rows.length > 0 ? true : undefined;
  });
  return id;
}

const stars = {
  overall: 5,
  accuracy: 5,
  cleanliness: 4,
  check_in: 5,
  communication: 5,
  location: 4,
  value: 4,
};

/** A stay that Gita or Tom may still review. */
async function reviewable(
  { sql }: Session,
  needs: "none" | "host",
): Promise<{ id: string; guest: string; host: string }> {
  const [stay] = await sql<{ id: string; guest: string; host: string }[]>`
    select b.id, split_part(g.email, '@', 1) as guest, split_part(h.email, '@', 1) as host
    from private.bookings b
    join auth.users g on g.id = b.guest_id
    join auth.users h on h.id = b.host_id
    where b.status = 'completed' and b.check_out_at > now() - interval '13 days'
      and not exists (select from public.reviews r where r.booking_id = b.id and r.side = 'guest')
      and (${needs} = 'none') = not exists (select from public.reviews r where r.booking_id = b.id and r.side = 'host')
    order by b.check_out_at desc limit 1`;
  if (stay === undefined) {
    throw new StackError(
      "No stay that ended lately lacks the review.",
      "Let stays end first: npm run clock -- +7d",
    );
  }
  return stay;
}

/** Rui's account at Stripe. */
async function payoutAccount({ sql }: Session): Promise<{ account: string }> {
  const [account] = await sql<{ account: string }[]>`
    select a.stripe_account_id as account from public.payout_accounts a join auth.users u on u.id = a.profile_id
    where u.email = 'rui@example.com'`;
  if (account === undefined) {
    throw new StackError(
      "Rui has no payout account.",
      "Let him open one as docs/guide/pay.md shows, or start with the past on an empty data folder: npm run reset, then npm start.",
    );
  }
  return account;
}

/** Moves the clock until a stay at Rui's has begun, and its payout is due. */
async function passToPayout(session: Session): Promise<void> {
  const { moveClock } = await import("../clock/move.ts");
  const { id } = await confirmed(session, ofRui, 1);
  const [stay] = await session.sql<{ wait: number }[]>`
    select extract(epoch from b.check_in_at + private.duration('payout_delay') - now()) * 1000 as wait
    from private.bookings b where b.id = ${id}`;
  await moveClock(session.config, Math.ceil(Number(stay?.wait)) + 60_000);
}

export const events: Record<string, Event> = {
  "booking.requested": {
    does: "Gita asks Ana for a stay; her card is authorised.",
    run: async (session) => void (await requested(session)),
  },
  "booking.held": {
    does: "Gita holds a stay at Ana's and has not paid yet.",
    run: async (session) => void (await session.book(instant)),
  },
  "booking.confirmed": {
    does: "Gita books a stay at Ana's and pays.",
    run: async (session) => void (await confirmed(session)),
  },
  "booking.accepted": {
    does: "Ana accepts Gita's request, and the card is charged.",
    async run(session) {
      const id = await requested(session);
      await (await session.as("ana")).rpc("accept_booking", { p_booking_id: id }).throwOnError();
    },
  },
  "booking.declined": {
    does: "Ana declines Gita's request, and the authorisation ends.",
    async run(session) {
      const id = await requested(session);
      await (await session.as("ana")).rpc("decline_booking", { p_booking_id: id }).throwOnError();
    },
  },
  "booking.withdrawn": {
    does: "Gita gives up a hold.",
    async run(session) {
      const { id, guest } = await session.book(instant);
      await guest.from("bookings").delete().eq("id", id).throwOnError();
    },
  },
  "booking.altered": {
    does: "Gita asks for an earlier check-out, and Ana agrees.",
    async run(session) {
      const { id } = await confirmed(session);
      const guest = await session.as("gita");
      const { data: stay } = await guest
        .from("bookings")
        .select("check_out")
        .eq("id", id)
        .single()
        .throwOnError();
      const earlier = new Date(Date.parse(stay.check_out ?? "") - 86_400_000).toISOString().slice(0, 10);
      const { data } = await guest
        .from("bookings")
        .update({ check_out: earlier })
        .eq("id", id)
        .select("open_alteration_id")
        .single()
        .throwOnError();
      const ana = await session.as("ana");
      await ana.rpc("accept_alteration", { p_alteration_id: data.open_alteration_id ?? "" }).throwOnError();
    },
  },
  "booking.cancelled": {
    does: "Gita cancels a paid stay, and is refunded by the policy.",
    async run(session) {
      const { id } = await confirmed(session);
      await (await session.as("gita")).rpc("cancel_booking", { p_booking_id: id }).throwOnError();
    },
  },
  "booking.cancelled_by_host": {
    does: "Ana cancels a paid stay, and Gita gets everything back.",
    async run(session) {
      const { id } = await confirmed(session);
      await (await session.as("ana")).rpc("cancel_booking", { p_booking_id: id }).throwOnError();
    },
  },
  "payment.succeeded": {
    does: "Gita pays for a stay; the same as booking.confirmed.",
    run: async (session) => void (await confirmed(session)),
  },
  "payment.failed": {
    does: "Gita's card is declined.",
    async run(session) {
      const { id, guest } = await session.book(instant);
      await session.pay(guest, id, declinedCard);
      await session.until("the declined payment", async () => {
        const rows =
          await session.sql`select from public.payments where booking_id = ${id} and last_error is not null`;
        return rows.length > 0 ? true : undefined;
      });
    },
  },
  "refund.updated": {
    does: "Ten euros of a payment are refunded in Stripe's dashboard: goodwill, and a case for the operator.",
    async run(session) {
      const { intent } = await confirmed(session);
      await session.atStripe("refund", { payment_intent: intent, amount: 1_000 });
    },
  },
  "refund.failed": {
    does: "The card's bank sends the refund of a cancelled stay back.",
    async run(session) {
      const { id } = await confirmed(session);
      await (await session.as("gita")).rpc("cancel_booking", { p_booking_id: id }).throwOnError();
      const refund = await session.until("the refund", async () => {
        const [row] = await session.sql<{ id: string }[]>`
          select stripe_refund_id as id from public.refunds where booking_id = ${id} and status = 'succeeded'`;
        return row?.id;
      });
      await session.atStripe("fail_refund", { refund });
    },
  },
  "dispute.created": {
    does: "Gita's bank disputes a payment.",
    run: async (session) => void (await disputed(session)),
  },
  "dispute.won": {
    does: "A dispute is decided for the platform.",
    run: async (session) =>
      void (await session.atStripe("decide", { dispute: await disputed(session), status: "won" })),
  },
  "dispute.lost": {
    does: "A dispute is decided for the guest.",
    run: async (session) =>
      void (await session.atStripe("decide", { dispute: await disputed(session), status: "lost" })),
  },
  "fraud_warning.created": {
    does: "The card's bank warns that a payment is fraud: a case for the operator.",
    async run(session) {
      const { intent } = await confirmed(session);
      await session.atStripe("early_fraud_warning", { payment_intent: intent });
    },
  },
  "review.written": {
    does: "A guest reviews a stay; it stays hidden until the host has reviewed too, or 14 days have passed.",
    async run(session) {
      const { id, guest } = await reviewable(session, "none");
      const review = { booking_id: id, ...stars, comment: "We would come back tomorrow." };
      await (await session.as(guest)).from("reviews").insert(review).throwOnError();
    },
  },
  "review.published": {
    does: "Guest and host review a stay, which publishes both reviews.",
    async run(session) {
      const { id, guest, host } = await reviewable(session, "none");
      const review = { booking_id: id, ...stars, comment: "We would come back tomorrow." };
      await (await session.as(guest)).from("reviews").insert(review).throwOnError();
      const answer = {
        booking_id: id,
        overall: 5,
        cleanliness: 5,
        communication: 5,
        comment: "Welcome back any time.",
      };
      await (await session.as(host)).from("reviews").insert(answer).throwOnError();
    },
  },
  "message.received": {
    does: "Gita writes to Ana about a booked stay.",
    async run(session) {
      const { id } = await confirmed(session);
      await write(session, "gita", id, "Is there a cot for our youngest?");
    },
  },
  "message.answered": {
    does: "Gita writes to Ana about a booked stay, and Ana answers.",
    async run(session) {
      const { id } = await confirmed(session);
      await write(session, "gita", id, "Is there a cot for our youngest?");
      await write(session, "ana", id, "Yes, I will put it in the bedroom.");
    },
  },
  "payout.paid": {
    does: "A stay at Rui's begins, and he is paid a day later. Moves the clock by about three days.",
    async run(session) {
      await payoutAccount(session);
      await passToPayout(session);
    },
  },
  "payout.failed": {
    does: "The same, but Stripe has closed Rui's account. Moves the clock by about three days.",
    async run(session) {
      const { account } = await payoutAccount(session);
      await session.atStripe("restrict", { account });
      try {
        await passToPayout(session);
      } finally {
        await session.atStripe("restrict", { account, payouts_enabled: true });
      }
    },
  },
};

async function write(session: Session, name: string, bookingId: string, body: string): Promise<void> {
  const client = await session.as(name);
  const { data } = await client
    .from("threads")
    .select("id")
    .eq("booking_id", bookingId)
    .single()
    .throwOnError();
  await client.from("messages").insert({ thread_id: data.id, body }).throwOnError();
}
