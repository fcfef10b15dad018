// The seed with its past, as `npm start` makes it: money, consistency, what each person sees, and the days that follow.

import { createClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { audit } from "../../../scripts/backup/audit.ts";
import { moveClock } from "../../../scripts/clock/move.ts";
import { openDatabase } from "../../../scripts/lib/database.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { testEnvironment } from "../../../scripts/test/vitest.ts";
import type { Database } from "../../../types/database.ts";

const config = await testConfig({ seed: true, past: true });
Object.assign(process.env, testEnvironment(config));
const { reconcile } = await import("../support/money.ts");
const dayLength = 86_400_000;

let stack: Stack;
let sql: Sql;

beforeAll(async () => {
  stack = await startStack(config);
  sql = openDatabase(config, "supabase_admin", { max: 2 });
}, 300_000);
afterAll(async () => {
  await sql?.end();
  await stack?.stop();
  removeTestData(config);
});

async function signIn(name: string) {
  const client = createClient<Database>(config.apiUrl, config.keys.publishable, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const email = `${name}@example.com`;
  const { data, error } = await client.auth.signInWithPassword({ email, password: "staybase" });
  if (error !== null) throw error;
  return { client, id: data.user.id };
}

it("leaves Postgres its own functions", async () => {
  const rows = await sql`
    select p.proname, l.lanname, p.provolatile, p.proisstrict, p.prosrc from pg_proc p join pg_language l on l.oid = p.prolang
    where p.pronamespace = 'pg_catalog'::regnamespace and p.proname in ('now', 'clock_timestamp', 'gen_random_uuid') order by 1`;
  expect(rows.map((row) => Object.values(row).join(" "))).toEqual([
    "clock_timestamp internal v true clock_timestamp",
    "gen_random_uuid internal v true gen_random_uuid",
    "now internal s true now",
  ]);
  expect([...(await sql`select nspname from pg_namespace where nspname = 'past'`)]).toEqual([]);
});

it("has bookings of every kind, running and coming ones included, and no rest of work", async () => {
  const rows = await sql<{ status: string; count: number }[]>`
    select status, count(*)::integer from private.bookings group by status`;
  const count = Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  expect(count).toMatchObject({ requested: 1, awaiting_payment: 1 });
  const ended = rows.filter(({ status }) => !["requested", "awaiting_payment", "confirmed"].includes(status));
  expect(ended.reduce((sum, row) => sum + row.count, 0)).toBeGreaterThan(380);
  expect(count.completed).toBeGreaterThan(250);
  for (const status of ["confirmed", "cancelled", "declined", "expired", "withdrawn", "no_show"]) {
    expect(count[status], status).toBeGreaterThan(2);
  }
  const [running] = await sql`
    select count(*)::integer from private.bookings where status = 'confirmed' and check_in_at <= now() and check_out_at > now()`;
  expect(running?.count).toBeGreaterThanOrEqual(2);
  const leaving = await sql`
    select id from private.bookings where status = 'confirmed' and check_out = (now() at time zone 'UTC')::date + 1`;
  expect(leaving.length).toBeGreaterThan(0);
  const [altered] = await sql`select count(*)::integer from private.booking_events where event = 'altered'`;
  expect(altered?.count).toBeGreaterThan(5);
  // the stack itself asks Stripe for what no one knows yet
  const left = async () => [
    ...(await sql`select kind, last_error from private.stripe_tasks where done_at is null and run_at <= now() or last_error is not null`),
  ];
  await expect.poll(left, { timeout: 30_000 }).toEqual([]);
  const future = await sql`select id from private.booking_events where at > now()`;
  expect([...future]).toEqual([]);
});

it("passes the audit", async () => {
  const checks = await audit(sql, config);
  expect(checks.length).toBeGreaterThan(10);
  expect(checks.filter(({ ok }) => ok === false)).toEqual([]);
});

it("the ledger balances, and agrees with the emulator's books", async () => {
  const unbalanced = await sql`
    select e.transaction_id, e.currency from private.ledger_entries e group by 1, 2 having sum(e.amount) <> 0`;
  expect([...unbalanced]).toEqual([]);
  const open = await sql`
    select e.booking_id, e.currency, sum(e.amount) from private.ledger_entries e
    join private.bookings b on b.id = e.booking_id and b.status in ('completed', 'cancelled', 'no_show', 'declined')
    where e.purpose = 'guest' group by 1, 2 having sum(e.amount) <> 0`;
  expect([...open]).toEqual([]);
  const { compared, differences } = await reconcile(sql);
  expect(compared).toBeGreaterThan(10);
  expect(differences).toBe(0);
});

it("every person sees their own bookings, payments, payouts, messages and notifications, and no others", async () => {
  const seen: Record<string, number> = {};
  for (const name of ["ana", "rui", "yuki", "kenji", "gita", "tom", "aiko", "zoe"]) {
    const { client, id } = await signIn(name);
    const { data: bookings } = await client
      .from("bookings")
      .select("id, guest_id, host_id, property_id")
      .throwOnError();
    const { data: helped } = await client
      .from("co_hosts")
      .select("property_id")
      .eq("profile_id", id)
      .throwOnError();
    const properties = helped.map(({ property_id }) => property_id);
    for (const { guest_id, host_id, property_id } of bookings) {
      expect(guest_id === id || host_id === id || properties.includes(property_id ?? ""), name).toBe(true);
    }
    const [all] =
      await sql`select count(*)::integer from private.bookings where ${id} in (guest_id, host_id)`;
    expect(bookings.filter((b) => [b.guest_id, b.host_id].includes(id))).toHaveLength(all?.count);
    const { data: payments } = await client.from("payments").select("guest_id").throwOnError();
    expect(payments.every(({ guest_id }) => guest_id === id)).toBe(true);
    const { data: payouts } = await client.from("payouts").select("host_id").throwOnError();
    expect(payouts.every(({ host_id }) => host_id === id)).toBe(true);
    const { data: notifications } = await client.from("notifications").select("recipient_id").throwOnError();
    expect(notifications.every(({ recipient_id }) => recipient_id === id)).toBe(true);
    const { count: messages } = await client
      .from("messages")
      .select("id", { count: "exact", head: true })
      .throwOnError();
    const [read] = await sql`
      select count(*)::integer from private.messages m
      where ${id} in (m.guest_id, m.host_id) or exists (
        select from public.co_hosts c
        where c.property_id = m.property_id and c.profile_id = ${id} and c.level >= 'calendar_and_messages'
      )`;
    expect(messages, name).toBe(read?.count);
    for (const table of ["threads", "refunds", "disputes", "reviews", "wishlists", "reports"] as const) {
      const { error } = await client.from(table).select("*").limit(50);
      expect(error, `${name} ${table}`).toBeNull();
    }
    const { data: lines } = await client.from("booking_line_items").select("*").limit(50).throwOnError();
    expect(lines.length, `${name} booking_line_items`).toBeGreaterThan(0);
    seen[name] = bookings.length;
  }
  for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(2);
  const olga = await signIn("olga");
  const { data: cases } = await olga.client
    .from("reports")
    .select("reason")
    .eq("status", "open")
    .throwOnError();
  expect(cases.map(({ reason }) => reason).sort()).toEqual(["fraud_warning", "inaccurate"]);
});

it("Ana reads her year: figures, pace, statement, payouts and reviews", async () => {
  const { client, id } = await signIn("ana");
  const date = (days: number) => new Date(Date.now() + days * dayLength).toISOString().slice(0, 10);
  const { data: months } = await client
    .rpc("host_metrics", { p_from: date(-365), p_until: date(0), p_by: "month" })
    .throwOnError();
  expect(months.length).toBeGreaterThanOrEqual(12);
  const sold = months.reduce((sum, { sold_nights }) => sum + Number(sold_nights), 0);
  const [nights] = await sql`
    select count(*)::integer as sold
    from private.bookings b
    join public.properties p on p.id = b.property_id
    cross join lateral generate_series(b.check_in::timestamp, b.check_out - interval '1 day', '1 day') n
    where p.host_id = ${id} and n >= ${date(-365)} and n < ${date(0)} and (
      b.status in ('confirmed', 'completed')
      or b.status = 'no_show' and exists (select from public.cancellations c where c.booking_id = b.id and c.host_amount > 0)
    )`;
  expect(sold).toBe(nights?.sold);
  expect(sold).toBeGreaterThan(100);

  const { data: pace } = await client
    .rpc("pace", {
      p_month: date(0).slice(0, 7),
      p_as_of: new Date(Date.now() - 30 * dayLength).toISOString(),
    })
    .throwOnError();
  expect(pace.length).toBeGreaterThan(0);
  const { data: statement } = await client.from("host_statement").select("*").limit(500).throwOnError();
  expect(statement.length).toBeGreaterThan(50);
  const { data: payouts } = await client.from("payouts").select("id").eq("status", "paid").throwOnError();
  expect(payouts.length).toBeGreaterThan(50);
  const { data: reviews } = await client.from("reviews").select("id").throwOnError();
  expect(reviews.length).toBeGreaterThan(50);
});

it("keeps local times of arrival, and the months of figures, at any date", async () => {
  const wrong = await sql`
    select b.id from private.bookings b
    where (b.check_in_at at time zone b.time_zone)::time <> b.check_in_from or (b.check_in_at at time zone b.time_zone)::date <> b.check_in`;
  expect([...wrong]).toEqual([]);
  const months = await sql`
    select booking_id from private.stay_months
    where extract(day from month) <> 1 or date_trunc('month', coalesce(first_night, check_in)::timestamp) <> month`;
  expect([...months]).toEqual([]);
});

it("lets three days pass: stays end, payouts arrive, reviews open, and mails come", async () => {
  const changes: string[] = [];
  await moveClock(config, 3 * dayLength, (step) => {
    for (const { name, states } of step.changes)
      changes.push(...states.map(({ state }) => `${name}: ${state}`));
  });
  expect(changes).toContain("bookings: completed");
  expect(changes).toContain("payouts: paid");
  expect(changes).toContain("notifications: review_due");
  expect(changes.filter((change) => change.startsWith("mails: ")).length).toBeGreaterThan(0);
  expect((await audit(sql, config)).filter(({ ok }) => ok === false)).toEqual([]);
  expect((await reconcile(sql)).differences).toBe(0);
}, 180_000);
