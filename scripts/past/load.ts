// Loads the file of the past into a database that has just been seeded, with its dates moved to end this week.

import { writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Sql, TransactionSql } from "postgres";
import { backdate } from "./backdate.ts";
import { installation, installationOf, type PastFile, readPastFile } from "./file.ts";
import { continuePast, firstDay, type PastOptions } from "./past.ts";
import { shiftPast } from "./shift.ts";

/** The local times of stays, which summer time moves, and the months of the host's figures. */
const restore = `
update private.bookings b set
    check_in_at = (b.check_in + b.check_in_from) at time zone b.time_zone,
    check_out_at = (b.check_out + b.check_out_until) at time zone b.time_zone;
update private.bookings b set status_at = b.check_out_at where b.status = 'completed';

create temp table moved on commit drop as
select
    s.booking_id, s.property_id, date_trunc('month', coalesce(n.night, s.check_in)::timestamp)::date as month, s.valid_from, s.valid_until,
    s.currency, s.outcome, s.check_in, s.nights, s.lead_days, count(n.night) as sold_nights, coalesce(sum(n.revenue), 0) as revenue,
    min(n.night) as first_night, coalesce(array_agg(n.revenue order by n.night) filter (where n.night is not null), '{}') as night_revenues
from private.stay_months s
left join lateral (
    select s.first_night + u.position::integer - 1 as night, u.revenue from unnest(s.night_revenues) with ordinality u (revenue, position)
) n on true
group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
delete from private.stay_months;
insert into private.stay_months (
    booking_id, property_id, month, valid_from, valid_until, currency, outcome, check_in, nights, lead_days, sold_nights, revenue,
    first_night, night_revenues
)
select * from moved`;

/**
 * Gives a database that has just been seeded its past, up to the present.
 *
 * @param sql a superuser's only connection
 */
export async function addPast(sql: Sql, options: PastOptions): Promise<void> {
  const past = shiftPast(readPastFile(), options.until);
  await backdate(sql, firstDay(past.until));
  await loadRows(sql, past);
  writeFileSync(options.stripeFile, past.books.replaceAll(installation, await installationOf(sql)));
  await continuePast(sql, past.until, options);
}

async function loadRows(sql: Sql, past: PastFile): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    for (const rows of past.rows) await load(tx, rows);
    for (const { name, value } of past.sequences) await tx`select setval(${name}::regclass, ${value})`;
    await tx.unsafe(restore);
  });
}

/** Adds rows, or changes those of the seed that have the same key. */
async function load(
  tx: TransactionSql,
  { table, columns, key, text }: PastFile["rows"][number],
): Promise<void> {
  const names = columns.join(", ");
  // not into the table itself: postgres.js waits for ever after a copy that a constraint refuses
  await tx.unsafe(`create temp table loaded on commit drop as select ${names} from ${table} limit 0`);
  const target = await tx.unsafe(`copy loaded (${names}) from stdin`).writable();
  await pipeline(Readable.from([text]), target);
  const changed = columns.filter((column) => !key.includes(column));
  await tx.unsafe(
    key.length === 0
      ? `insert into ${table} (${names}) overriding system value select ${names} from loaded`
      : `update ${table} t set ${changed.map((column) => `${column} = l.${column}`).join(", ")}
        from loaded l where ${key.map((column) => `t.${column} = l.${column}`).join(" and ")}`,
  );
  await tx`drop table loaded`;
}
