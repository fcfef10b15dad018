// The past at other dates than today, on a database alone: in summer time, when the file was made in winter, and six days into a week.

import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { audit } from "../../../scripts/backup/audit.ts";
import { installClock, setAhead } from "../../../scripts/clock/postgres-clock.ts";
import { openDatabase } from "../../../scripts/lib/database.ts";
import { addPast } from "../../../scripts/past/load.ts";
import { applyMigrations } from "../../../scripts/stack/migrations.ts";
import { createPostgres } from "../../../scripts/stack/postgres.ts";
import { ensureSystemSchema } from "../../../scripts/stack/system-schema.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";

// with its past, so that the database is a new one and no copy: in a copy, the clock may have given away ids that the past has
const config = await testConfig({ seed: true, past: true });
const server = createPostgres(config, (error) => {
  throw error;
});

beforeAll(async () => {
  await server.start();
  await server.ready();
  const sql = openDatabase(config, "supabase_admin");
  await ensureSystemSchema(sql);
  await applyMigrations(config, sql);
  await sql.end();
}, 300_000);
afterAll(async () => {
  await server.stop();
  removeTestData(config);
});

const stripeFile = join(config.dataDir, "past.json");

/** A copy of the seeded database. */
async function openCopy(database: string) {
  const admin = openDatabase(config, "supabase_admin", { database: "template1" });
  await admin.unsafe(`create database ${database} template postgres`);
  await admin.end();
  return openDatabase(config, "supabase_admin", { database });
}

it.each([
  // 2026-11-30, when the file's past ends, is a Monday
  ["a Sunday in summer", "2027-07-18T13:20:00Z", 6],
  ["the Monday after summer time begins", "2028-03-27T00:10:00Z", 0],
])(
  "is whole on %s",
  async (_name, at, days) => {
    const until = Date.parse(at);
    const sql = await openCopy(`past_${days}`);
    await addPast(sql, { until, stripeFile, stripeUrl: config.stripeUrl });
    await installClock(sql);
    await setAhead(sql, Math.round(until - Date.now()));

    // nothing has stored the photos yet
    const failed = (await audit(sql, config)).filter(
      ({ ok, check }) => ok === false && !check.startsWith("every stored object"),
    );
    expect(failed).toEqual([]);
    const [seen] = await sql`
    select
      count(*) filter (where status = 'confirmed' and check_in_at <= now() and check_out_at > now()) > 0 as some_stay,
      count(*) filter (where status = 'confirmed' and check_out = now()::date + 1) > 0 as one_leaves_tomorrow,
      count(*) filter (where status = 'requested' and expires_at > now())::integer as requested,
      count(*) filter (where status = 'awaiting_payment' and expires_at > now())::integer as held,
      count(*) filter (where created_at > now() or status_at > now())::integer as in_future,
      count(*) filter (where (check_in_at at time zone time_zone) <> check_in + check_in_from)::integer as at_a_wrong_hour
    from private.bookings`;
    expect(seen).toEqual({
      some_stay: true,
      one_leaves_tomorrow: true,
      requested: 1,
      held: 1,
      in_future: 0,
      at_a_wrong_hour: 0,
    });
    // a night from Friday or Saturday costs more at homes with a weekend price, so the weekdays were kept
    const wrong = await sql`
    select b.id, n.at, n.price, p.base_price, p.weekend_price
    from private.bookings b
    join public.properties p on p.id = b.property_id and p.weekend_price is not null
    cross join lateral unnest(b.night_prices) with ordinality u (price, position)
    cross join lateral (select b.check_in + u.position::integer - 1 as at, u.price) n
    where n.price in (p.base_price, p.weekend_price) and (n.price = p.weekend_price) <> (extract(isodow from n.at) in (5, 6))`;
    expect([...wrong]).toEqual([]);
    await sql.end();
  },
  60_000,
);

it("says why it cannot be loaded, and leaves the seed as it was", async () => {
  const sql = await openCopy("past_used");
  await sql`insert into private.stripe_tasks (id, kind, subject, ordering_key) overriding system value
    select n, 'sync', n, n from generate_series(1, 2000) n`;
  const loaded = addPast(sql, { until: Date.now(), stripeFile, stripeUrl: config.stripeUrl });
  await expect(loaded).rejects.toThrow("stripe_tasks_pkey");
  expect(await sql`select from private.bookings`).toHaveLength(0);
  await sql.end();
}, 60_000);
