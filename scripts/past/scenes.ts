// Scenes besides the bookings: of the past, disputes, goodwill and wishlists; of today, what is open: a request, a hold, a question, and
// cases for the operator.

import { findFreeStay } from "../lib/free-stay.ts";
import type { PastDatabase } from "./database.ts";
import type { Life, World } from "./life.ts";
import { gita, hosts, olga, tom } from "./people.ts";
import { inquiries } from "./texts.ts";

const minute = 60_000;
const hour = 3_600_000;
const dayLength = 24 * hour;

const homeId = (n: number) => `5eed0000-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`;

/** Each with its own course. */
export function pastScenes(world: World): Life[] {
  return [
    dispute(world, -500, "won"),
    dispute(world, -320, "lost"),
    dispute(world, -9, undefined),
    goodwill(world),
    inquiry(world),
    wishlists(world),
    closedReport(world),
  ];
}

/** What is open when a past has been loaded. A scene that lies before its end begins there. */
export function todaysScenes(world: World): Life[] {
  return [openReport(world), question(world), openRequest(world), openHold(world)];
}

/** The bank of a guest disputes the payment of a stay that has ended, and decides after three weeks, or not yet. */
async function* dispute(
  { database, money, today }: World,
  day: number,
  verdict: "won" | "lost" | undefined,
): Life {
  yield today + day * dayLength + 9 * hour;
  const [payment] = await database.asOwner(
    (sql) => sql<{ intent: string }[]>`
    select p.stripe_payment_intent_id as intent from public.payments p join private.bookings b on b.id = p.booking_id
    where b.status = 'completed' and p.status = 'captured' and p.refunded_amount = 0 and b.currency = 'EUR'
    order by b.check_out_at desc, p.id limit 1`,
  );
  if (payment === undefined) throw new Error("no stay has ended");
  const { id } = await money.atStripe("dispute", {
    payment_intent: payment.intent,
    reason: "product_not_received",
  });
  await money.work();
  if (verdict === undefined) return;
  yield today + (day + 21) * dayLength;
  await money.atStripe("decide", { dispute: id, status: verdict });
  await money.work();
}

/** Ana gives back a little of a stay without hot water. */
async function* goodwill({ database, money, today }: World): Life {
  yield today - 40 * dayLength + 10 * hour;
  const [stay] = await database.asOwner(
    (sql) => sql<{ id: string }[]>`
    select b.id from private.bookings b
    where b.status = 'completed' and b.host_id = ${hosts.ana.id} and b.check_out_at > ${new Date(database.now() - 90 * dayLength)}
    order by b.check_out_at desc limit 1`,
  );
  if (stay === undefined) throw new Error("no stay of Ana has ended");
  await database.as(
    hosts.ana.id,
    (tx) => tx`select public.refund_booking(${stay.id}, 2500, 'No hot water on the first evening.')`,
  );
  await money.work();
}

async function* inquiry({ database, today }: World): Life {
  yield today - 20 * dayLength + 8 * hour;
  const thread = await ask(database, tom.id, 12, inquiries[0][0]);
  yield database.now() + 40 * minute;
  await database.as(
    hosts.rui.id,
    (tx) => tx`insert into public.messages (thread_id, body) values (${thread}, ${inquiries[0][1]})`,
  );
}

/** Gita asks Ana, who has not answered yet. */
async function* question({ database, until }: World): Life {
  yield Math.max(database.now(), until - 50 * minute);
  await ask(database, gita.id, 1, inquiries[1][0]);
}

async function ask(database: PastDatabase, personId: string, home: number, body: string): Promise<string> {
  const [thread] = await database.as(
    personId,
    (tx) =>
      tx<{ id: string }[]>`insert into public.threads (property_id) values (${homeId(home)}) returning id`,
  );
  const id = thread?.id ?? "";
  await database.as(
    personId,
    (tx) => tx`insert into public.messages (thread_id, body) values (${id}, ${body})`,
  );
  return id;
}

async function* wishlists({ database, today }: World): Life {
  const collect = (personId: string, name: string, homes: number[]) =>
    database.as(personId, async (tx) => {
      const [list] = await tx<
        { id: string }[]
      >`insert into public.wishlists (name) values (${name}) returning id`;
      for (const home of homes) {
        await tx`insert into public.wishlist_items (wishlist_id, property_id) values (${list?.id ?? ""}, ${homeId(home)})`;
      }
    });
  yield today - 60 * dayLength + 19 * hour;
  await collect(gita.id, "Kyoto with the children", [16, 21, 23, 28]);
  await collect(tom.id, "Desks with a view", [2, 8, 20]);
  yield today - 6 * dayLength + 20 * hour;
  await collect(gita.id, "Lisbon, some day", [1, 4, 12]);
}

/** Gita reports a listing, and the operator closes the case. */
async function* closedReport({ database, today }: World): Life {
  yield today - 200 * dayLength + 7 * hour;
  await sendReport(database, gita.id, 13, "The aqueduct cannot be seen from the window.");
  yield database.now() + 30 * hour;
  await database.as(olga.id, async (tx) => {
    const [open] = await tx<
      { id: string }[]
    >`select id from public.reports where status = 'open' and subject = 'property'`;
    await tx`select public.resolve_report(${open?.id ?? null}, 'The host has changed the picture.')`;
  });
}

/** Tom reports a listing, and a card's bank warns of fraud; the operator has looked at neither. */
async function* openReport({ database, money, until }: World): Life {
  yield Math.max(database.now(), until - 26 * hour);
  await sendReport(database, tom.id, 11, "There are eight bunks in the room, not six.");
  const [payment] = await database.asOwner(
    (sql) => sql<{ intent: string }[]>`
    select p.stripe_payment_intent_id as intent from public.payments p join private.bookings b on b.id = p.booking_id
    where b.status = 'confirmed' and p.status = 'captured' and b.check_in_at > now()
    order by b.check_in_at, p.id limit 1`,
  );
  if (payment !== undefined) await money.atStripe("early_fraud_warning", { payment_intent: payment.intent });
}

function sendReport(database: PastDatabase, personId: string, home: number, details: string) {
  return database.as(
    personId,
    (tx) => tx`
      insert into public.reports (subject, subject_id, reason, details)
      values ('property', ${homeId(home)}, 'inaccurate', ${details})`,
  );
}

/** Tom asks for a stay at Ana's, who has almost a day left to answer. */
async function* openRequest(world: World): Life {
  yield Math.max(world.database.now(), world.until - 2 * hour);
  const { bookingId } = await bookFirstFree(world, tom.id, 3);
  await world.money.pay(tom.id, bookingId);
}

/** Gita holds a house at Kenji's and has not paid yet. */
async function* openHold(world: World): Life {
  yield Math.max(world.database.now(), world.until - minute);
  await bookFirstFree(world, gita.id, 28);
}

/** Books the first free stay from three weeks ahead on. */
async function bookFirstFree(
  { database }: World,
  guestId: string,
  home: number,
): Promise<{ bookingId: string }> {
  const { checkIn, checkOut } = await database.asOwner((sql) => findFreeStay(sql, homeId(home), 21));
  const [row] = await database.as(
    guestId,
    (tx) => tx<{ id: string }[]>`
      insert into public.bookings (property_id, check_in, check_out, adults)
      values (${homeId(home)}, ${checkIn}, ${checkOut}, 2) returning id`,
  );
  return { bookingId: row?.id ?? "" };
}
