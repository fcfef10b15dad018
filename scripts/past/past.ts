// Two years of life for the properties of supabase/seed.sql: bookings, payments, payouts, reviews, messages. The product's own functions
// make them, one after the other, at the times at which they happen. Everything follows from a fixed seed and today's date.

import type { Sql } from "postgres";
import { openPast } from "./database.ts";
import { type Life, live, type World } from "./life.ts";
import { createMoney } from "./money.ts";
import { createGuests, hosts } from "./people.ts";
import { type Home, length, planStays } from "./plan.ts";
import { createRandom } from "./random.ts";
import { scenes } from "./scenes.ts";

const dayLength = 86_400_000;

export interface PastOptions {
  /** The end of the past, which is the present, in milliseconds since 1970. */
  until: number;
  /** The file of the Stripe emulator, which does not run yet. */
  stripeFile: string;
  stripeUrl: string;
}

/** @param sql a superuser's only connection to a database that has just been seeded */
export async function createPast(sql: Sql, { until, stripeFile, stripeUrl }: PastOptions): Promise<void> {
  const today = Math.floor(until / dayLength) * dayLength;
  const random = createRandom(20_261_120);
  const start = today - length * dayLength;
  await backdate(sql, start);
  const database = await openPast(sql);
  const money = createMoney(database, createRandom(7), { file: stripeFile, url: stripeUrl, until });
  const world: World = { database, money, today, until };
  database.setTime(start);
  await createGuests(database);
  for (const { id, email, country } of Object.values(hosts)) await money.onboard(id, email, country);
  const stays = planStays(random, await readHomes(sql, random), today);
  await happen(world, [days(world), ...stays.map((stay) => live(world, stay)), ...scenes(world)]);
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

/** The clock's own work, every evening and at the end. */
async function* days(world: World): Life {
  const { today, until } = world;
  for (let day = -length; today + day * dayLength < until; day += 1) {
    yield today + (day + 0.75) * dayLength;
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
    from public.properties p join public.profiles h on h.id = p.host_id where p.status = 'published' order by p.id`;
  return rows.map((row) => ({
    id: row.id,
    host: { id: row.host_id, name: row.display_name },
    isInstant: row.booking_mode === "instant",
    maxGuests: row.max_guests,
    minNights: row.min_nights,
    quality: random.pick([3, 4, 4, 5, 5, 5]),
  }));
}

/** Moves what supabase/seed.sql made a moment ago to the beginning of the past. */
async function backdate(sql: Sql, start: number): Promise<void> {
  const columns = await sql<{ table: string; columns: string[] }[]>`
    select c.oid::regclass::text as table, array_agg(quote_ident(a.attname) order by a.attnum) as columns
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.atttypid = 'timestamptz'::regtype and a.attgenerated = ''
    where c.relkind = 'r' and (
      c.relnamespace in ('public'::regnamespace)
      or c.oid = any ('{auth.users,auth.identities,storage.objects,private.property_events,private.files}'::regclass[])
    )
    group by c.oid order by 1`;
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const seededAt = `now() - interval '1 hour'`;
    const shift = `timestamptz '${new Date(start).toISOString()}' - now()`;
    for (const { table, columns: names } of columns) {
      const sets = names.map(
        (name) => `${name} = case when ${name} > ${seededAt} then ${name} + (${shift}) else ${name} end`,
      );
      await tx.unsafe(`update ${table} set ${sets.join(", ")}`);
    }
    await tx`update public.profiles set member_since = ${new Date(start)}`;
  });
}
