// Measures background work: notifications a second that completed bookings create, and at fifty mails a second the time from event to
// mail server, and the worker's memory.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import type { Figure } from "./figures.ts";
import { addSpaces, completeBookings } from "./market.ts";

const clients = 8;
const mailsPerSecond = 50;
/** Seconds until the worker's heap is stable, and seconds measured after that. */
const warmUp = 50;
const measured = 30;

/** @param size number of bookings to complete; each notifies two people */
export function benchJobs(size = 4_000): Promise<Figure[]> {
  return withTestStack((config) => measure(config, size));
}

async function measure(config: StackConfig, size: number): Promise<Figure[]> {
  const admin = openDatabase(config, "supabase_admin", { max: clients });
  try {
    const people = await makePeople(admin);
    const bookings = await makeBookings(admin, people, size);
    return [
      ...(await benchEnqueueing(admin, bookings)),
      ...(await benchMails(admin, people, config.dataDir)),
    ];
  } finally {
    await admin.end();
  }
}

async function makePeople(admin: Sql): Promise<string[]> {
  const ids = Array.from({ length: 50 }, () => randomUUID());
  await admin`insert into auth.users (id, aud, role, email, email_confirmed_at)
    select id, 'authenticated', 'authenticated', id || '@example.com', now() from unnest(${ids}::uuid[]) as id`;
  return ids;
}

/** Creates confirmed stays in the past, at one property for each client, so that clients wait for each other's locks. */
async function makeBookings(admin: Sql, people: string[], size: number): Promise<string[]> {
  return admin.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const properties = await tx<
      { id: string }[]
    >`insert into public.properties (host_id, title, time_zone, currency, base_price, status)
      select id, 'House', 'UTC', 'EUR', 10000, 'published' from unnest(${people.slice(0, clients)}::uuid[]) as id returning id`;
    await addSpaces(tx);
    await tx`insert into public.house_rules (property_id, version) select id, 1 from unnest(${properties.map(({ id }) => id)}::uuid[]) as id`;
    const rows = await tx<{ id: string }[]>`insert into private.bookings (
        property_id, host_id, guest_id, status, confirmed_at, status_at, check_in, check_out, adults, children, infants, pets, booking_mode, currency,
        guest_total, host_total, night_prices, property_title, time_zone, check_in_from, check_out_until, check_in_at, check_out_at,
        cancellation_policy_id, cancellation_policy_name, cancellation_steps, house_rules_version, request_hash
      ) select
        p.id, p.host_id, (${people}::uuid[])[9 + n % 40], 'confirmed', now() - interval '9 days', now() - interval '9 days', current_date - 5, current_date - 2,
        1, 0, 0, 0, 'instant', 'EUR', 30000, 30000, '{10000,10000,10000}', 'House', 'UTC', '15:00', '11:00', current_date - 5 + time '15:00',
        current_date - 2 + time '11:00', 'moderate', 'Moderate', '[]', 1, ''
      from generate_series(0, ${size - 1}::integer) n
      join lateral (select * from public.properties where id = (${properties.map(({ id }) => id)}::uuid[])[1 + n % ${clients}::integer]) p on true
      returning id`;
    const ids = rows.map(({ id }) => id);
    await completeBookings(tx, ids);
    return ids;
  });
}

async function benchEnqueueing(admin: Sql, bookings: string[]): Promise<Figure[]> {
  // without the worker, which would use part of the CPU and is measured later
  const [setting] =
    await admin`update private.settings set value = 'http://127.0.0.1:9' where name = 'functions_url'
    returning (select s.value from private.settings s where s.name = 'functions_url') as before`;
  const waiting = [...bookings];
  const since = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        await admin`select private.lock_booking(${id}, now())`;
      }
    }),
  );
  const seconds = (performance.now() - since) / 1000;
  const [{ created, queued } = { created: 0, queued: 0 }] = await admin<
    { created: number; queued: number }[]
  >`
    select (select count(*)::integer from public.notifications) as created, (select count(*)::integer from pgmq.q_mails) as queued`;
  await admin`truncate pgmq.q_mails`;
  await admin`update private.settings set value = ${setting?.before} where name = 'functions_url'`;
  return [
    { name: "notifications with their bookings", value: created / seconds, unit: "a second", atLeast: 500 },
    { name: "notifications without a job", value: created - queued, unit: "", budget: 0 },
  ];
}

async function benchMails(admin: Sql, people: string[], dataDir: string): Promise<Figure[]> {
  const memory: number[] = [];
  let sent = 0;
  const notify = () => {
    sent += 1;
    const person = people[sent % people.length] ?? "";
    const data = {
      title: "House",
      guest_name: "Ben",
      host_name: "Ana",
      you_are: "guest",
      check_in: "2027-06-01",
      check_out: "2027-06-04",
      nights: 3,
      guests: 2,
      actor: "guest",
      time_zone: "UTC",
    };
    return admin`select private.notify(${person}, 'booking_declined', ${`bench:${sent}`}, ${admin.json(data)})`;
  };
  for (let second = 0; second < warmUp + measured; second += 1) {
    const next = performance.now() + 1000;
    for (let n = 0; n < mailsPerSecond; n += 1) {
      await notify();
      await new Promise((resolve) =>
        setTimeout(resolve, Math.max(0, next - 1000 + ((n + 1) * 1000) / mailsPerSecond - performance.now())),
      );
    }
    if (second === warmUp - 1 || second === warmUp + measured - 1) memory.push(workerMemory(dataDir));
  }
  const [row] = await waitForMails(admin, sent);
  return [
    { name: "mails: half of them within", value: Number(row?.p50), unit: "ms" },
    { name: "mails: 95 of 100 within", value: Number(row?.p95), unit: "ms", budget: 2000 },
    { name: "mails not sent", value: sent - Number(row?.mailed), unit: "", budget: 0 },
    { name: `worker's memory, after ${warmUp} s`, value: memory[0] ?? 0, unit: "MB" },
    {
      name: `worker's memory, growth in ${measured} s more`,
      value: (memory[1] ?? 0) - (memory[0] ?? 0),
      unit: "MB",
      budget: 30,
    },
  ];
}

async function waitForMails(admin: Sql, sent: number) {
  for (const until = Date.now() + 20_000; ; ) {
    const rows = await admin`select count(mailed_at) as mailed,
      percentile_cont(0.5) within group (order by extract(epoch from mailed_at - created_at) * 1000) as p50,
      percentile_cont(0.95) within group (order by extract(epoch from mailed_at - created_at) * 1000) as p95
      from public.notifications where dedupe_key like 'bench:%'`;
    if (Number(rows[0]?.mailed) === sent || Date.now() > until) return rows;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Resident memory of the worker's process, in MB. */
function workerMemory(dataDir: string): number {
  const processes = execFileSync("ps", ["-eo", "rss,args"], { encoding: "utf8" }).split("\n");
  const sizes = processes
    .filter((line) => line.includes("functions/send-mails/index.ts") && line.includes(process.cwd()))
    .map((line) => Number.parseInt(line, 10) / 1024);
  if (sizes.length === 0) throw new Error(`The worker of ${dataDir} does not run.`);
  return Math.max(...sizes);
}
