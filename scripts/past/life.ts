// How one booking goes, from the booking to the reviews, by the calls that an app makes. Each `yield` is the time of the next step.

import type { PastDatabase } from "./database.ts";
import type { PastMoney } from "./money.ts";
import type { Stay } from "./plan.ts";
import { createRandom } from "./random.ts";
import * as texts from "./texts.ts";

/** Yields milliseconds since 1970 at which it goes on. */
export type Life = AsyncGenerator<number, void, void>;

export interface World {
  database: PastDatabase;
  money: PastMoney;
  /** Midnight in UTC of the last day, in milliseconds since 1970. */
  today: number;
  /** The end of the past, in milliseconds since 1970. */
  until: number;
}

const minute = 60_000;
const hour = 3_600_000;
const dayLength = 24 * hour;

const dateOf = ({ today }: World, day: number) =>
  new Date(today + day * dayLength).toISOString().slice(0, 10);

export async function* live(world: World, stay: Stay): Life {
  const { database, money, today } = world;
  const { home, guest, course } = stay;
  const random = createRandom(stay.text);
  yield today + stay.bookedAt * hour + random.between(0, 59) * minute;
  const id = await book(world, stay);
  const now = database.now();
  const checkIn = today + stay.checkIn * dayLength + 15 * hour;

  if (home.isInstant) {
    if (course === "expired") return;
    yield now + stay.payAfter * minute;
    await money.pay(guest.id, id, stay.card);
  } else {
    yield now + stay.payAfter * minute;
    if (course !== "expired") await money.pay(guest.id, id, stay.card); // authorised until the host accepts
    if (course === "expired") return;
    yield now + stay.answerAfter * hour;
    if (course === "withdrawn") {
      await database.as(guest.id, (tx) => tx`delete from public.bookings where id = ${id}`);
      await money.work();
      return;
    }
    if (course === "declined") {
      const reason = random.pick(texts.declineReasons);
      await database.as(home.host.id, (tx) => tx`select public.decline_booking(${id}, ${reason})`);
      await money.work();
      return;
    }
    await database.as(home.host.id, (tx) => tx`select public.accept_booking(${id})`);
    await money.work();
  }
  const confirmed = database.now();

  if (stay.talks) yield* talk(world, stay, id);
  if (course === "altered") yield* alter(world, stay, id, confirmed + stay.turn * (checkIn - confirmed));
  if (course === "cancelled by the guest" || course === "cancelled by the host") {
    yield Math.max(database.now(), confirmed + stay.turn * (checkIn - confirmed));
    const isGuest = course === "cancelled by the guest";
    const reason = isGuest
      ? random.pick(texts.cancelReasons)
      : "The boiler has failed and cannot be repaired in time.";
    await database.as(
      isGuest ? guest.id : home.host.id,
      (tx) => tx`select public.cancel_booking(${id}, ${reason})`,
    );
    await money.work();
    return;
  }
  if (course === "no-show") {
    yield checkIn + 20 * hour;
    await database.as(home.host.id, (tx) => tx`select public.report_no_show(${id})`);
    await money.work();
    return;
  }
  yield* review(world, stay, id);
}

/** Books, and returns the booking's id. */
async function book(world: World, { home, guest, checkIn, nights, adults }: Stay): Promise<string> {
  const [row] = await world.database.as(
    guest.id,
    (tx) => tx<{ id: string }[]>`
      insert into public.bookings (property_id, check_in, check_out, adults)
      values (${home.id}, ${dateOf(world, checkIn)}, ${dateOf(world, checkIn + nights)}, ${adults}) returning id`,
  );
  if (row === undefined) throw new Error("the booking was not made");
  return row.id;
}

async function* talk({ database }: World, { home, guest, text }: Stay, bookingId: string): Life {
  const random = createRandom(text + 1);
  const [question, answer] = random.pick(texts.conversations);
  yield database.now() + random.between(10, 300) * minute;
  await write(database, guest.id, bookingId, question);
  yield database.now() + random.between(5, 400) * minute;
  await write(database, home.host.id, bookingId, answer);
}

async function write(
  database: PastDatabase,
  personId: string,
  bookingId: string,
  body: string,
): Promise<void> {
  await database.as(
    personId,
    (tx) => tx`
      insert into public.messages (thread_id, body)
      select t.id, ${body} from public.threads t where t.booking_id = ${bookingId}`,
  );
}

/** The guest asks for a night more, or a shorter stay, and the host agrees. */
async function* alter(world: World, stay: Stay, bookingId: string, at: number): Life {
  const { database, money } = world;
  const { home, guest, checkIn, nights, text } = stay;
  yield Math.max(database.now(), at - 3 * hour);
  const isLonger = nights <= home.minNights || text % 3 > 0;
  const checkOut = dateOf(world, checkIn + nights + (isLonger ? 1 : -1));
  await database.as(
    guest.id,
    (tx) => tx`update public.bookings set check_out = ${checkOut} where id = ${bookingId}`,
  );
  yield database.now() + 2 * hour;
  const [row] = await database.as(
    home.host.id,
    (tx) =>
      tx<
        { id: string | null }[]
      >`select open_alteration_id as id from public.bookings where id = ${bookingId}`,
  );
  await database.as(home.host.id, (tx) => tx`select public.accept_alteration(${row?.id ?? null})`);
  await money.work();
}

/** Both sides write after the stay, within the 14 days of the window. */
async function* review(world: World, stay: Stay, bookingId: string): Life {
  const { database } = world;
  const { home, guest, reviews, text } = stay;
  const random = createRandom(text + 2);
  const over = world.today + (stay.checkIn + stay.nights + 2) * dayLength;
  if (reviews.guest) {
    yield over + reviews.after * hour;
    const { stars } = reviews;
    const near = () => Math.max(1, Math.min(5, stars + random.pick([-1, 0, 0, 0, 1])));
    const [row] = await database.as(
      guest.id,
      (tx) => tx<{ id: string }[]>`
        insert into public.reviews
          (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value, comment)
        values (
          ${bookingId}, ${stars}, ${near()}, ${near()}, ${near()}, ${near()}, ${near()}, ${near()},
          ${texts.propertyReview(random, stars)}
        ) returning id`,
    );
    if (reviews.note) {
      const note = random.pick(texts.notes);
      await database.as(
        guest.id,
        (tx) => tx`insert into public.review_notes (review_id, note) values (${row?.id ?? null}, ${note})`,
      );
    }
  }
  if (reviews.host) {
    yield Math.max(database.now(), over) + random.between(2, 100) * hour;
    await database.as(
      home.host.id,
      (tx) => tx`
        insert into public.reviews (booking_id, overall, cleanliness, communication, comment)
        values (${bookingId}, ${random.pick([4, 5, 5, 5])}, 5, ${random.pick([4, 5, 5])}, ${random.pick(texts.guestReviews)})`,
    );
  }
  if (reviews.guest && reviews.host && reviews.reply) {
    yield database.now() + random.between(5, 60) * hour;
    await database.as(
      home.host.id,
      (tx) => tx`
        select public.reply_to_review(r.id, ${random.pick(texts.replies)}) from public.reviews r
        where r.booking_id = ${bookingId} and r.side = 'guest'`,
    );
  }
}
