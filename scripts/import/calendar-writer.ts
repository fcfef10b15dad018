// Writes calendars to properties that are there: the price of a night where it is not the property's, shortest and longest
// stay where they are not, and nights that are not available. Between a calendar's first and last day it is the whole truth;
// other days are left alone.
//
// A night that is not available was booked or blocked there, and the file does not say which: it becomes a block from
// outside, marked by its source, so that the import finds its own again and leaves those of hosts and feeds. Nights that are
// taken here already need no block.

import type { Sql, TransactionSql } from "postgres";
import { type Calendar, nextDay, type Range, replaceDays } from "./calendar.ts";
import { priceInMinorUnits } from "./values.ts";

export interface WrittenCalendars {
  loaded: number;
  unchanged: number;
  /** Calendars of listings that are no properties here. */
  unknown: number;
}

interface Property {
  id: string;
  source_id: string;
  currency: string | null;
  base_price: string | null;
  min_nights: number;
  max_nights: number;
  overrides: { starts_on: string; ends_on: string; price: number }[];
  rules: { starts_on: string; ends_on: string; min_nights: number | null; max_nights: number | null }[];
  blocks: { starts_on: string; ends_on: string }[];
  /** What else takes nights. */
  taken: { starts_on: string; ends_on: string }[];
}

// types, not interfaces: those do not pass as JSON
type Nights = { min_nights: number | null; max_nights: number | null };

type Change = { property_id: string; starts_on: string; ends_on: string };

/**
 * One transaction. The batch holds no listing twice.
 *
 * @param currencies decimal places of each currency
 * @throws the database's error; then nothing is written
 */
export async function writeCalendars(
  sql: Sql,
  calendars: Calendar[],
  source: string,
  currencies: Map<string, number>,
): Promise<WrittenCalendars> {
  return sql.begin(async (tx) => {
    const properties = await readProperties(tx, source, calendars);
    const result: WrittenCalendars = { loaded: 0, unchanged: 0, unknown: 0 };
    const overrides = { gone: [] as Change[], come: [] as (Change & { price: number })[] };
    const rules = { gone: [] as Change[], come: [] as (Change & Nights)[] };
    const blocks = { gone: [] as Change[], come: [] as Change[] };
    for (const calendar of calendars) {
      const property = properties.get(calendar.source_id);
      if (property === undefined) {
        result.unknown++;
        continue;
      }
      const prices = compare(
        property.id,
        property.overrides.map(({ price, ...range }) => ({ ...range, value: { price } })),
        calendar,
        priceDays(calendar, property, currencies),
      );
      const nights = compare(
        property.id,
        property.rules.map(({ min_nights, max_nights, ...range }) => ({
          ...range,
          value: { min_nights, max_nights },
        })),
        calendar,
        nightsDays(calendar, property),
      );
      overrides.gone.push(...prices.gone);
      overrides.come.push(...prices.come);
      rules.gone.push(...nights.gone);
      rules.come.push(...nights.come);
      const blocked = compare(
        property.id,
        property.blocks.map((range) => ({ ...range, value: {} })),
        calendar,
        blockedDays(calendar, property),
      );
      blocks.gone.push(...blocked.gone);
      blocks.come.push(...blocked.come);
      const changes = [prices, nights, blocked].flatMap(({ gone, come }) => [...gone, ...come]);
      result[changes.length === 0 ? "unchanged" : "loaded"]++;
    }
    await replaceOverrides(tx, overrides.gone, overrides.come);
    await replaceRules(tx, rules.gone, rules.come);
    await replaceBlocks(tx, source, blocks.gone, blocks.come);
    return result;
  }) as Promise<WrittenCalendars>;
}

/** Dates come as text: a Date would be midnight in the zone of this machine. */
async function readProperties(tx: TransactionSql, source: string, calendars: Calendar[]) {
  const rows = await tx<Property[]>`
    select p.id, p.source_id, p.currency, p.base_price, p.min_nights, p.max_nights,
      (select coalesce(jsonb_agg(jsonb_build_object(
          'starts_on', o.starts_on, 'ends_on', o.ends_on, 'price', o.price)), '[]')
        from public.property_date_overrides o where o.property_id = p.id) as overrides,
      (select coalesce(jsonb_agg(jsonb_build_object(
          'starts_on', r.starts_on, 'ends_on', r.ends_on, 'min_nights', r.min_nights, 'max_nights', r.max_nights)), '[]')
        from public.property_availability_rules r where r.property_id = p.id and r.kind = 'nights') as rules,
      (select coalesce(jsonb_agg(jsonb_build_object('starts_on', b.check_in, 'ends_on', b.check_out)), '[]')
        from public.external_blocks b where b.property_id = p.id and b.source = p.source) as blocks,
      (select coalesce(jsonb_agg(jsonb_build_object('starts_on', o.check_in, 'ends_on', o.check_out)), '[]')
        from public.occupancies o
        left join public.external_blocks b on b.id = o.external_block_id
        where o.property_id = p.id and b.source is distinct from p.source
          and (o.expires_at is null or o.expires_at > now())) as taken
    from public.properties p
    where p.source = ${source} and p.source_id = any (${calendars.map((calendar) => calendar.source_id)})
    order by p.id
    for no key update of p`;
  return new Map(rows.map((row) => [row.source_id, row]));
}

function priceDays({ days }: Calendar, property: Property, currencies: Map<string, number>) {
  const minorUnit = property.currency === null ? undefined : currencies.get(property.currency);
  const prices = new Map<string, { price: number }>();
  if (minorUnit === undefined) return prices;
  for (const [date, day] of days) {
    const price = priceInMinorUnits("price", day.price, minorUnit);
    if (price !== null && String(price) !== property.base_price) prices.set(date, { price });
  }
  return prices;
}

function nightsDays({ days }: Calendar, property: Property): Map<string, Nights> {
  const nights = new Map<string, Nights>();
  for (const [date, { min_nights: min, max_nights: max }] of days) {
    const min_nights = min === property.min_nights ? null : min;
    const max_nights = max === property.max_nights ? null : max;
    if (min_nights !== null || max_nights !== null) nights.set(date, { min_nights, max_nights });
  }
  return nights;
}

function blockedDays({ days }: Calendar, { taken }: Property): Map<string, object> {
  const isTaken = (date: string) => taken.some((range) => range.starts_on <= date && date < range.ends_on);
  return new Map(
    [...days].filter(([date, day]) => !day.available && !isTaken(date)).map(([date]) => [date, {}]),
  );
}

/** Ranges to delete and to insert, so that a property's become what the calendar says; nothing when they already are. */
function compare<T extends object>(
  property_id: string,
  existing: Range<T>[],
  { days }: Calendar,
  wanted: Map<string, T>,
): { gone: Change[]; come: (Change & T)[] } {
  const dates = [...days.keys()].sort();
  const window = { from: dates[0] ?? "", until: nextDay(dates.at(-1) ?? "") };
  const ranges = replaceDays(existing, window, wanted);
  const key = (range: Range<T>) => JSON.stringify([range.starts_on, range.ends_on, range.value]);
  const [before, after] = [new Set(existing.map(key)), new Set(ranges.map(key))];
  return {
    gone: existing
      .filter((range) => !after.has(key(range)))
      .map(({ starts_on, ends_on }) => ({ property_id, starts_on, ends_on })),
    come: ranges
      .filter((range) => !before.has(key(range)))
      .map(({ starts_on, ends_on, value }) => ({ property_id, starts_on, ends_on, ...value })),
  };
}

async function replaceOverrides(
  tx: TransactionSql,
  gone: Change[],
  come: (Change & { price: number })[],
): Promise<void> {
  if (gone.length > 0) {
    await tx`
      delete from public.property_date_overrides o
      using jsonb_to_recordset(${tx.json(gone)}) as g (property_id uuid, starts_on date)
      where o.property_id = g.property_id and o.starts_on = g.starts_on`;
  }
  if (come.length > 0) {
    await tx`
      insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
      select * from jsonb_to_recordset(${tx.json(come)}) as c (
        property_id uuid, starts_on date, ends_on date, price bigint)`;
  }
}

async function replaceRules(tx: TransactionSql, gone: Change[], come: (Change & Nights)[]): Promise<void> {
  if (gone.length > 0) {
    await tx`
      delete from public.property_availability_rules r
      using jsonb_to_recordset(${tx.json(gone)}) as g (property_id uuid, starts_on date)
      where r.property_id = g.property_id and r.starts_on = g.starts_on and r.kind = 'nights'`;
  }
  if (come.length > 0) {
    await tx`
      insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights, max_nights)
      select c.property_id, 'nights', c.starts_on, c.ends_on, c.min_nights, c.max_nights
      from jsonb_to_recordset(${tx.json(come)}) as c (
        property_id uuid, starts_on date, ends_on date, min_nights smallint, max_nights smallint)`;
  }
}

/** A block's id in its source is its first night: blocks of one source do not overlap. */
async function replaceBlocks(
  tx: TransactionSql,
  source: string,
  gone: Change[],
  come: Change[],
): Promise<void> {
  if (gone.length > 0) {
    await tx`
      delete from public.external_blocks b
      using jsonb_to_recordset(${tx.json(gone)}) as g (property_id uuid, starts_on date)
      where b.property_id = g.property_id and b.source = ${source} and b.check_in = g.starts_on`;
  }
  if (come.length > 0) {
    await tx`
      insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
      select c.property_id, ${source}, c.starts_on::text, c.starts_on, c.ends_on
      from jsonb_to_recordset(${tx.json(come)}) as c (property_id uuid, starts_on date, ends_on date)`;
  }
}
