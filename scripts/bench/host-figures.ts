// Measures a host's figures for a year, as processor time of the backend in reads of a property by primary key. Reads and calls alternate,
// because the clock of a shared processor changes from minute to minute.

import type { Sql } from "postgres";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import { cpuTimes } from "./cpu.ts";
import { percentile } from "./facts.ts";
import type { Figure } from "./figures.ts";

/** The budget of a year by month, in reads. */
const budget = 400;
const runs = 15;
const warmUp = 6;
const readsPerRun = 20;

/** @param size number of properties of the host; each has 40 bookings a year, 31 of them stays of four nights, and 10 blocks */
export function benchHostFigures(size = 500): Promise<Figure[]> {
  return withTestStack(async (config) => {
    const [sql, keys] = [openDatabase(config, "supabase_admin"), openDatabase(config, "supabase_admin")];
    try {
      await sql`update cron.job set active = false`;
      const host = await makeStays(sql, size);
      await actAs(sql, host);
      const year = "'2027-01-01', '2028-01-01'";
      const calls: [string, string, boolean][] = [
        ["a year by month", `select * from public.host_metrics(${year})`, true],
        [
          "a year by month, not from the first of a month",
          "select * from public.host_metrics('2027-01-15', '2028-01-15')",
          false,
        ],
        ["a year by week", `select * from public.host_metrics(${year}, 'week')`, false],
        ["a year by day", `select * from public.host_metrics(${year}, 'day')`, false],
        ["a month by day", "select * from public.host_metrics('2027-06-01', '2027-07-01', 'day')", false],
        ["pace of a month", "select * from public.pace('2027-06', '2027-01-01', '2027-02-01')", false],
      ];
      const figures: Figure[] = [];
      for (const [name, query, isBounded] of calls) {
        figures.push({
          name: `${size} properties, ${name}`,
          value: await measure(sql, keys, query),
          unit: "reads",
          ...(isBounded ? { budget } : {}),
        });
      }
      return figures;
    } finally {
      await Promise.all([sql.end(), keys.end()]);
    }
  });
}

/** The median of a call in reads, each run beside reads on a connection of their own. */
async function measure(sql: Sql, keys: Sql, query: string): Promise<number> {
  const [row] = await keys<{ id: string }[]>`select id from public.properties limit 1`;
  await keys`set role anon`;
  const read = () => keys`select id, title, base_price from public.properties where id = ${row?.id ?? ""}`;
  const call = () => sql.unsafe(query, [], { prepare: true });
  await cpuTimes(keys, Array(100).fill(read));
  await cpuTimes(sql, Array(warmUp).fill(call));
  const reads: number[] = [];
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    reads.push(...(await cpuTimes(keys, Array(readsPerRun).fill(read))));
    times.push(...(await cpuTimes(sql, [call])));
  }
  await keys`reset role`;
  return percentile(times, 50) / percentile(reads, 50);
}

async function actAs(sql: Sql, person: string): Promise<void> {
  await sql`select set_config('request.jwt.claims', ${JSON.stringify({ sub: person, role: "authenticated" })}, false)`;
  await sql`set role authenticated`;
}

/** Three years of stays of one host; returns the host's id. Only what the figures read is there. */
async function makeStays(sql: Sql, size: number): Promise<string> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx.unsafe(`
      insert into public.profiles (id, display_name) values (md5('figures host')::uuid, 'Host');
      insert into public.accounts (id) values (md5('figures host')::uuid);
      insert into public.properties (id, host_id, title, time_zone, currency, base_price, status, published_at)
      select md5('figures ' || n)::uuid, md5('figures host')::uuid, 'House ' || n, 'UTC', 'EUR', 10000, 'published', '2020-01-01'
      from generate_series(1, ${size}) n;
      insert into private.stay_months (
        booking_id, property_id, month, valid_from, currency, outcome, check_in, nights, lead_days, sold_nights, revenue, first_night,
        night_revenues
      )
      select
        md5(p || '-' || n)::uuid, md5('figures ' || p)::uuid, date_trunc('month', d.day), '2026-12-01', 'EUR', o.outcome, d.day, 4,
        (p * 7919 + n * 104729) % 180, s.nights, 10000 * s.nights, case when s.nights > 0 then d.day end,
        array_fill(10000::bigint, array[s.nights])
      from generate_series(1, ${size}) p
      cross join generate_series(0, 119) n
      -- in the first 24 days of a month, so that no stay crosses into the next
      cross join lateral (
        select (date '2026-01-01' + make_interval(months => n * 3 / 10, days => n * 7 % 24))::timestamp as day
      ) d
      cross join lateral (select (case when n % 8 = 0 then 'cancelled_by_guest' when n % 9 = 0 then 'unpaid' else 'stay' end)::private.stay_outcome as outcome) o
      cross join lateral (select case o.outcome when 'stay' then 4 else 0 end as nights) s
      order by md5(p || '-' || n);
      insert into public.occupancies (property_id, space_id, kind, check_in, check_out, host_block_id, external_block_id)
      select
        md5('figures ' || p)::uuid, md5('figures ' || p)::uuid, (case when n % 4 = 0 then 'host_block' else 'external_block' end)::public.occupancy_kind, d.day, d.day + 3,
        case when n % 4 = 0 then gen_random_uuid() end, case when n % 4 <> 0 then gen_random_uuid() end
      from generate_series(1, ${size}) p
      cross join generate_series(0, 29) n
      cross join lateral (select date '2026-01-01' + n * 36 as day) d`);
  });
  for (const table of ["private.stay_months", "public.occupancies", "public.properties"]) {
    await sql.unsafe(`vacuum analyze ${table}`);
  }
  const [row] = await sql<{ id: string }[]>`select md5('figures host')::uuid as id`;
  return row?.id ?? "";
}
