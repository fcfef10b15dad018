// Compares set_calendar for a year of days with reads of a property by primary key, in processor time, as its host.

import type { Sql } from "postgres";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import { costInReads } from "./cpu.ts";
import { day } from "./dates.ts";
import type { Figure } from "./figures.ts";
import { makeMarket } from "./market.ts";

type Call = (n: number) => object[];

const year = 365;
const all = { min_nights: 3, max_nights: 14, closed: false, closed_to_arrival: false };

/** A year in ranges of `nights`, each with its own values; `shift` changes every price. */
const ranges = (nights: number, shift: number) =>
  Array.from({ length: Math.ceil(year / nights) }, (_, n) => ({
    from: day(30 + n * nights),
    until: day(30 + Math.min((n + 1) * nights, year)),
    ...all,
    min_nights: 2 + (n % 3),
    price: 10_000 + (n % 5) * 500 + shift * 100,
  }));

const calls: Record<string, { call: Call; budget?: number }> = {
  "a year in one range": {
    call: (n) => [{ from: day(30), until: day(30 + year), ...all, price: 10_000 + n * 100 }],
    budget: 50,
  },
  "the same again": {
    call: () => [{ from: day(30), until: day(30 + year), ...all, price: 9_000 }],
    budget: 50,
  },
  "a season of 90 days": { call: (n) => ranges(90, n) },
  "52 weeks, new prices": { call: (n) => ranges(7, n) },
  "52 weeks, the same again": { call: () => ranges(7, 0) },
  "365 days, new prices": { call: (n) => ranges(1, n) },
  "365 days, the same again": { call: () => ranges(1, 0) },
};

/** @param size number of properties */
export function benchSetCalendar(size = 2_000): Promise<Figure[]> {
  return withTestStack(async (config) => {
    const sql = openDatabase(config, "supabase_admin", { max: 1 });
    try {
      await makeMarket(sql, size);
      await sql`vacuum analyze`;
      return await measure(sql);
    } finally {
      await sql.end();
    }
  });
}

async function measure(sql: Sql): Promise<Figure[]> {
  const properties = await sql<{ id: string; host_id: string }[]>`
    select id, host_id from public.properties where status = 'published' order by id limit 40`;
  const figures: Figure[] = [];
  for (const [name, { call, budget }] of Object.entries(calls)) {
    const value = await costInReads(
      sql,
      async (n) => {
        const host = properties[n % properties.length]?.host_id;
        await sql`select set_config('request.jwt.claims', ${JSON.stringify({ sub: host, role: "authenticated" })}, false)`;
        if (name.endsWith("again")) await sql`select count(*) from ${set(n)}`;
        await sql`set role authenticated`;
      },
      (n) => sql`select * from ${set(n)}`,
    );
    function set(n: number) {
      return sql`public.set_calendar(${properties[n % properties.length]?.id ?? ""}, ${sql.json(call(n) as never)})`;
    }
    figures.push({ name, value, unit: "reads", ...(budget === undefined ? {} : { budget }) });
  }
  return figures;
}
