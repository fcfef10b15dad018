// Two years of life for the properties of supabase/seed.sql: bookings, payments, payouts, reviews, messages. The product's own functions
// make them, one after the other, at the times at which they happen. Everything follows from a fixed seed and the last date.

import type { Sql } from "postgres";
import { openPast } from "./database.ts";
import { type Life, live, type World } from "./life.ts";
import { createMoney } from "./money.ts";
import { createGuests, hosts } from "./people.ts";
import { type Home, length, planStays } from "./plan.ts";
import { createRandom } from "./random.ts";
import { pastScenes, todaysScenes } from "./scenes.ts";

const dayLength = 86_400_000;

export interface PastOptions {
  /** The end of the past, in milliseconds since 1970. */
  until: number;
  /** The file of the Stripe emulator, which does not run yet. */
  stripeFile: string;
  stripeUrl: string;
}

/** The first day of a past, in milliseconds since 1970. */
export function firstDay(until: number): number {
  return dayOf(until) - length * dayLength;
}

function dayOf(time: number): number {
  return Math.floor(time / dayLength) * dayLength;
}

/** @param sql a superuser's only connection to a database that has just been seeded */
export async function createPast(sql: Sql, { until, stripeFile, stripeUrl }: PastOptions): Promise<void> {
  const today = dayOf(until);
  const random = createRandom(20_261_120);
  const database = await openPast(sql, "past");
  const money = createMoney(database, createRandom(7), { file: stripeFile, url: stripeUrl, until });
  const world: World = { database, money, today, until };
  database.setTime(firstDay(until));
  await createGuests(database);
  for (const { id, email, country } of Object.values(hosts)) await money.onboard(id, email, country);
  const stays = planStays(random, await readHomes(sql, random), today);
  await happen(world, [
    evenings(world, firstDay(until)),
    ...stays.map((stay) => live(world, stay)),
    ...pastScenes(world),
  ]);
  await settle(world);
  await database.end();
  money.save();
}

/**
 * Lets the days since the end of a loaded past go by, and sets the scenes of today.
 *
 * @param sql a superuser's only connection
 * @param since the end of the loaded past, in milliseconds since 1970
 */
export async function continuePast(
  sql: Sql,
  since: number,
  { until, stripeFile, stripeUrl }: PastOptions,
): Promise<void> {
  const database = await openPast(sql, "today");
  const money = createMoney(database, createRandom(8), { file: stripeFile, url: stripeUrl, until });
  const world: World = { database, money, today: dayOf(until), until };
  database.setTime(since);
  await happen(world, [evenings(world, since), ...todaysScenes(world)]);
  await settle(world);
  await database.end();
  money.save();
}

/** Lets lives go on in the order of their times, until the end of the past. */
async function happen({ database, until }: World, lives: Life[]): Promise<void> {
  const waiting: { at: number; order: number; life: Life }[] = [];
  const advance = async (life: Life, order: number) => {
    const { value, done } = await life.next();
    if (done === true || value > until) return;
    const at = Math.floor(value / 1000) * 1000;
    const index = waiting.findIndex((other) => other.at > at || (other.at === at && other.order > order));
    waiting.splice(index === -1 ? waiting.length : index, 0, { at, order, life });
  };
  for (const [order, life] of lives.entries()) await advance(life, order);
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    database.setTime(next.at);
    await advance(next.life, next.order);
  }
}

/** The clock's own work, every evening. @param from midnight in UTC of the first day, in milliseconds since 1970 */
async function* evenings(world: World, from: number): Life {
  for (let day = from; day < world.until; day += dayLength) {
    yield day + 0.75 * dayLength;
    await runPeriodicTasks(world);
  }
}

async function runPeriodicTasks({ database, money }: World): Promise<void> {
  await database.asOwner(
    (sql) => sql`
      select
        private.expire_and_complete_bookings(), private.remove_expired_occupancies(), private.end_stale_authorizations(now()),
        private.charge_balances(now()), private.release_payouts(now()), private.publish_due_reviews(), private.send_check_in_details()`,
  );
  const [row] = await database.asOwner(
    (sql) => sql<[{ tasks: boolean }]>`
      select exists (select from private.stripe_tasks t where t.done_at is null and t.dead_at is null and t.run_at <= now()) as tasks`,
  );
  if (row.tasks) await money.work();
}

/** What lies in the past was mailed, and what is older than four days was read. */
async function settle(world: World): Promise<void> {
  const { database, until } = world;
  database.setTime(until);
  await runPeriodicTasks(world);
  await database.asAdmin(async (sql) => {
    await sql`select pgmq.purge_queue(q.queue) from private.job_queues q`;
    await sql`select private.add_up_status_changes()`;
    await sql`update public.notifications n set mailed_at = n.created_at where n.mailed_at is null`;
    await sql`
      update public.notifications n set read_at = n.created_at + interval '2 hours'
      where n.created_at < now() - interval '4 days'`;
  });
}

async function readHomes(sql: Sql, random: ReturnType<typeof createRandom>): Promise<Home[]> {
  const rows = await sql<
    {
      id: string;
      host_id: string;
      display_name: string;
      booking_mode: string;
      max_guests: number;
      min_nights: number;
    }[]
  >`
    select p.id, p.host_id, h.display_name, p.booking_mode, p.max_guests, p.min_nights
    from public.properties p join public.profiles h on h.id = p.host_id
    where p.status = 'published' and p.calendar_id is null order by p.id`;
  return rows.map((row) => ({
    id: row.id,
    host: { id: row.host_id, name: row.display_name },
    isInstant: row.booking_mode === "instant",
    maxGuests: row.max_guests,
    minNights: row.min_nights,
    quality: random.pick([3, 4, 4, 5, 5, 5]),
  }));
}
