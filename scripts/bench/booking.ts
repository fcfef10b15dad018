// Compares quotes and holds with reads of a property by primary key, in processor time, and bookings through the API with plain inserts of
// the same rows. Also lets 50 clients book the same stay at once.

import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import { costInReads } from "./cpu.ts";
import { day } from "./dates.ts";
import { backendMemory, memoryOfTree, percentile, planFigures, sizeFigures } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { benchHold } from "./hold.ts";
import { makeMarket } from "./market.ts";

const clients = 8;
const seconds = 4;
/** Many, because a guest can hold at most 20 unpaid stays. */
const guestCount = 500;

/** @param size number of properties */
export function benchBooking(size = 20_000): Promise<Figure[]> {
  return withTestStack((config) => measure(config, size));
}

async function measure(config: StackConfig, size: number): Promise<Figure[]> {
  const admin = openDatabase(config, "supabase_admin");
  const anon = openDatabase(config, "supabase_admin", { connection: { role: "anon" } });
  try {
    await makeMarket(admin, size);
    // make every stay instantly bookable, whatever its notice and length
    await admin.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`update public.properties set booking_mode = 'instant', min_nights = 1`;
      await tx`delete from public.property_availability_rules`;
      await tx`delete from public.occupancies where check_in > current_date`;
      await tx`insert into public.property_fees (property_id, currency, kind, name, amount)
        select id, currency, 'cleaning', 'Cleaning', 4000 from public.properties`;
      await tx`insert into public.property_taxes (property_id, currency, name, charge, percent, applies_to)
        select id, currency, 'City tax', 'percent', 6, 'rent' from public.properties`;
    });
    await admin`vacuum analyze`;
    const ids = (await admin<{ id: string }[]>`select id from public.properties order by id`).map(
      ({ id }) => id,
    );
    const { people, tokens: guests } = await makeGuests(admin, config);
    const quotes = await benchQuotes(admin, ids);
    const holds = await benchHold(admin, ids, people);
    const { plainRate, figures } = await benchBookings(admin, config, ids, guests);
    return [
      ...quotes,
      ...holds,
      ...figures,
      ...(await benchRush(config, ids, guests, plainRate)),
      ...(await planFigures(
        config,
        (sql) => sql`select * from public.quote_stay(${ids[0] ?? ""}, ${day(200)}, ${day(204)}, 2)`,
        ["properties", "property_seasons", "property_fees", "occupancies"],
      )),
      ...(await sizeFigures(admin, [
        "public.properties",
        "private.bookings",
        "private.booking_line_items",
        "private.booking_events",
        "public.occupancies",
      ])),
      await backendMemory(anon),
      {
        name: "memory of the stack and this benchmark",
        value: memoryOfTree(process.pid, config),
        unit: "MB",
      },
    ];
  } finally {
    await Promise.all([anon.end(), admin.end()]);
  }
}

/** Creates users and returns their ids and access tokens. */
async function makeGuests(admin: Sql, config: StackConfig): Promise<{ people: string[]; tokens: string[] }> {
  const ids = Array.from({ length: guestCount }, () => randomUUID());
  await admin`insert into auth.users (id, aud, role, email, email_confirmed_at)
    select id, 'authenticated', 'authenticated', id || '@example.com', now() from unnest(${ids}::uuid[]) id`;
  const secret = new TextEncoder().encode(config.keys.jwtSecret);
  const tokens = await Promise.all(
    ids.map((id) =>
      new SignJWT({ role: "authenticated" })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(id)
        .setAudience("authenticated")
        .setExpirationTime("1h")
        .sign(secret),
    ),
  );
  return { people: ids, tokens };
}

async function benchQuotes(sql: Sql, ids: string[]): Promise<Figure[]> {
  const value = await costInReads(
    sql,
    () => sql`set role anon`,
    (n) => {
      const ahead = 10 + (n % 200);
      const id = ids[(n * 7919) % ids.length] ?? "";
      return sql`select * from public.quote_stay(${id}, ${day(ahead)}, ${day(ahead + 4)}, 2)`;
    },
    { runs: 200, warmUp: 20 },
  );
  return [{ name: "quote of 4 nights", value, unit: "reads", budget: 5 }];
}

async function benchBookings(
  admin: Sql,
  config: StackConfig,
  ids: string[],
  guests: string[],
): Promise<{ plainRate: number; figures: Figure[] }> {
  let next = 0;
  const attempt = async () => {
    const turn = next++;
    const ahead = 10 + 5 * Math.floor(turn / ids.length);
    return call(config, guests[turn % guests.length] ?? "", "bookings", {
      property_id: ids[turn % ids.length],
      check_in: day(ahead),
      check_out: day(ahead + 3),
      adults: 2,
    });
  };
  await rate(attempt, 2);
  const booked = await rate(attempt, seconds);

  // the rows of one booking, inserted into tables without constraints
  await admin.unsafe(`
    create table public.bench_bookings (like private.bookings);
    create table public.bench_lines (like private.booking_line_items);
    create table public.bench_occupancies (like public.occupancies);
    create table public.bench_events (like private.booking_events);
    create function public.bench_insert() returns void language sql security definer set search_path = '' as $$
      insert into public.bench_bookings select * from private.bookings limit 1;
      insert into public.bench_lines
        select i.* from private.booking_line_items i where i.booking_id = (select b.id from private.bookings b limit 1);
      insert into public.bench_occupancies select * from public.occupancies limit 1;
      insert into public.bench_events select * from private.booking_events limit 1;
    $$;
    grant execute on function public.bench_insert() to authenticated;
    notify pgrst, 'reload schema'`);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const plain = await rate(() => call(config, guests[0] ?? "", "rpc/bench_insert", {}), seconds);
  const figures: Figure[] = [
    { name: `bookings, ${clients} clients`, value: booked.perSecond, unit: "/s" },
    ...spread("a booking", booked.times),
    { name: "bookings refused or failed", value: booked.failed, unit: "", budget: 0 },
    { name: "plain inserts of the same rows", value: plain.perSecond, unit: "/s" },
    {
      name: "bookings",
      value: (100 * booked.perSecond) / plain.perSecond,
      unit: "% of plain inserts",
      atLeast: 25,
    },
  ];
  return { plainRate: plain.perSecond, figures };
}

/** 50 clients book the same stay at once, on each of 20 properties. */
async function benchRush(
  config: StackConfig,
  ids: string[],
  guests: string[],
  plainRate: number,
): Promise<Figure[]> {
  const times: number[] = [];
  let winners = 0;
  let others = 0;
  const start = performance.now();
  for (const [round, property_id] of ids.slice(-20).entries()) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const since = performance.now();
        // others each time, because one who has won often has too many unpaid bookings
        const guest = guests[(50 * round + index) % guests.length] ?? "";
        const status = await call(config, guest, "bookings", {
          property_id,
          check_in: day(300),
          check_out: day(303),
        });
        times.push(performance.now() - since);
        return status;
      }),
    );
    winners += answers.filter((status) => status === 201).length;
    others += answers.filter((status) => status !== 201 && status !== 409).length;
  }
  const perSecond = times.length / ((performance.now() - start) / 1000);
  return [
    { name: "50 clients, one stay: winners", value: winners / 20, unit: "", budget: 1, atLeast: 1 },
    { name: "50 clients, one stay: not 201 or 409", value: others, unit: "", budget: 0 },
    {
      name: "50 clients, one stay: answers",
      value: (100 * perSecond) / plainRate,
      unit: "% of plain inserts",
      atLeast: 25,
    },
    ...spread("50 clients, one stay", times),
  ];
}

function spread(name: string, times: number[]): Figure[] {
  return [50, 95, 99].map((p) => ({ name: `${name}, p${p}`, value: percentile(times, p), unit: "ms" }));
}

async function rate(attempt: () => Promise<number>, duration: number) {
  const times: number[] = [];
  let failed = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() - start < duration * 1000) {
        const since = performance.now();
        const status = await attempt();
        times.push(performance.now() - since);
        if (status >= 300) failed += 1;
      }
    }),
  );
  return { perSecond: times.length / ((performance.now() - start) / 1000), times, failed };
}

async function call(config: StackConfig, token: string, path: string, body: unknown): Promise<number> {
  const response = await fetch(`${config.apiUrl}/rest/v1/${path}`, {
    method: "POST",
    headers: {
      apikey: config.keys.publishable,
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      prefer: "return=representation",
    },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}
