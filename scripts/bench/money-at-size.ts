// Measures the money paths on large books, as processor time of the backend in reads of a property by primary key.

import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { Books } from "./books.ts";
import { cpuTimes, medianCpu } from "./cpu.ts";
import type { Figure } from "./figures.ts";

const second = "00:00:01";

export async function benchMoneyAtSize(config: StackConfig, books: Books): Promise<Figure[]> {
  const owner = openDatabase(config, "postgres");
  const reader = openDatabase(config, "supabase_admin");
  try {
    const read = await keyRead(reader);
    const figures = [...(await benchStatements(reader, books)), ...(await benchMoney(owner, books))];
    return [
      { name: "read by primary key, median", value: read * 1000, unit: "us" },
      ...figures.map(
        ({ name, milliseconds, budget }): Figure => ({
          name,
          value: milliseconds / read,
          unit: "reads",
          ...(budget === undefined ? {} : { budget }),
        }),
      ),
    ];
  } finally {
    await Promise.all([owner.end(), reader.end()]);
  }
}

interface Measured {
  name: string;
  milliseconds: number;
  budget?: number;
}

async function keyRead(sql: Sql): Promise<number> {
  const ids = (await sql<{ id: string }[]>`select id from public.properties order by id limit 400`).map(
    ({ id }) => id,
  );
  await sql`set role anon`;
  const time = await medianCpu(
    sql,
    (n) => sql`select id, title, base_price from public.properties where id = ${ids[n % ids.length] ?? ""}`,
    { runs: 400, warmUp: 100 },
  );
  await sql`reset role`;
  return time;
}

async function benchStatements(sql: Sql, { largestHost, host, guest }: Books): Promise<Measured[]> {
  const [middle] = await sql<{ id: string }[]>`
    select percentile_disc(0.5) within group (order by id) as id from private.ledger_entries where party_id = ${largestHost}`;
  const before = middle?.id ?? "0";
  const measured: Measured[] = [];
  for (const [name, person, page, budget] of [
    ["statement, 50 lines, host of 20,000 entries", largestHost, () => statement(sql), 200],
    ["statement, 50 lines, its middle", largestHost, () => statement(sql, before), 200],
    ["statement, 50 lines, another host", host, () => statement(sql), 200],
    [
      "statement, 50 lines, without an order",
      host,
      () => sql`select * from public.host_statement limit 50`,
      200,
    ],
    ["statement, CSV of 1,000 lines", largestHost, () => csv(sql, before), undefined],
    ["booking_money, 50 lines, host of 20,000 entries", largestHost, () => money(sql), 200],
    ["booking_money, 50 lines, guest", guest, () => money(sql), 200],
  ] as const) {
    await actAs(sql, person);
    measured.push({
      name,
      milliseconds: await medianCpu(sql, page),
      ...(budget === undefined ? {} : { budget }),
    });
    await sql`reset role`;
  }
  return measured;
}

const statement = (sql: Sql, before = "9223372036854775807") =>
  sql`select * from public.host_statement where id < ${before} order by id desc limit 50`;
const money = (sql: Sql) => sql`select * from public.booking_money order by id desc limit 50`;
const csv = (
  sql: Sql,
  before: string,
) => sql`select string_agg(substring(x::text, 2, length(x::text) - 2), ${"\n"})
  from (select * from public.host_statement where id < ${before} order by id desc limit 1000) x`;

async function actAs(sql: Sql, person: string): Promise<void> {
  const claims = JSON.stringify({ sub: person, role: "authenticated" });
  await sql`select set_config('request.jwt.claims', ${claims}, false)`;
  await sql`set role authenticated`;
}

async function benchMoney(sql: Sql, { largestHost }: Books): Promise<Measured[]> {
  const rest = await bookingsOf(sql, false, largestHost);
  const largest = await bookingsOf(sql, true, largestHost);
  const release = async (ids: string[]) =>
    medianCpu(sql, (n) => sql`select private.release_payout(${ids[n] ?? ""}, now())`, {
      runs: 20,
      warmUp: 20,
    });
  const ofLargest = await release(largest.splice(0, 40));
  const ofOthers = await release(rest.splice(0, 40));
  // the payouts begun above have changed their payables, which the first sweep looks at
  for (let count = 0; count < 40; count += 1) await sql`select private.release_payouts(now())`;
  const [left] =
    await sql`select count(*)::integer as count from private.open_payables where due_at <= now()`;
  return [
    { name: "release of a payout", milliseconds: ofOthers, budget: 60 },
    { name: "release of a payout, host of 800 open payables", milliseconds: ofLargest, budget: 60 },
    { name: `${left?.count} due`, milliseconds: 0 },
  ];
}

/** Bookings whose payout is due, of one host or of all others. */
async function bookingsOf(sql: Sql, isOfHost: boolean, host: string): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select booking_id as id from private.open_payables
    where due_at <= now() - ${second}::interval and (host_id = ${host}) = ${isOfHost} order by due_at, booking_id limit 200`;
  return rows.map(({ id }) => id);
}
