// The seed with its past (`STAYBASE_PAST=on npm start`): money, consistency, and what each person sees.

import { createClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDatabase } from "../../../scripts/lib/database.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { testEnvironment } from "../../../scripts/test/vitest.ts";
import type { Database } from "../../../types/database.ts";

const config = await testConfig({ seed: true, past: true });
Object.assign(process.env, testEnvironment(config));
const { reconcile } = await import("../support/money.ts");

let stack: Stack;
let sql: Sql;

beforeAll(async () => {
  stack = await startStack(config);
  sql = openDatabase(config, "supabase_admin", { max: 2 });
}, 900_000);
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
  expect(count.completed).toBeGreaterThan(250);
  for (const status of ["confirmed", "cancelled", "declined", "expired", "withdrawn", "no_show"]) {
    expect(count[status], status).toBeGreaterThan(2);
  }
  const [running] = await sql`
    select count(*)::integer from private.bookings where status = 'confirmed' and check_in_at <= now() and check_out_at > now()`;
  expect(running?.count).toBeGreaterThanOrEqual(2);
  const [altered] = await sql`select count(*)::integer from private.booking_events where event = 'altered'`;
  expect(altered?.count).toBeGreaterThan(5);
  const left =
    await sql`select kind, last_error from private.stripe_tasks where done_at is null or last_error is not null`;
  expect([...left]).toEqual([]);
  const future = await sql`select id from private.booking_events where at > now()`;
  expect([...future]).toEqual([]);
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

it("every person sees their own bookings, payments, payouts, threads and notifications, and no others", async () => {
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
    for (const table of [
      "threads",
      "messages",
      "refunds",
      "disputes",
      "reviews",
      "wishlists",
      "reports",
      "booking_line_items",
    ] as const) {
      const { error } = await client.from(table).select("*").limit(50);
      expect(error, `${name} ${table}`).toBeNull();
    }
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
