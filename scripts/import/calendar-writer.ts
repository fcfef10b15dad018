// Writes calendars of imported properties: prices and minimum and maximum stays where they differ from the property's, and
// unavailable nights. A calendar replaces the days from its first to its last.
//
// An unavailable night becomes an external block marked with the source, so that the import later finds its own blocks. Nights that
// are occupied already get no block.

import type { Sql, TransactionSql } from "postgres";
import { type Calendar, nextDay, type Range, replaceDays } from "./calendar.ts";
import { priceInMinorUnits } from "./values.ts";

export interface WrittenCalendars {
  loaded: number;
  unchanged: number;
  /** Calendars of listings that are not imported. */
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
  /** Ranges occupied by other bookings and blocks. */
  taken: { starts_on: string; ends_on: string }[];
}

// types rather than interfaces, which cannot be passed as JSON
type Nights = { min_nights: number | null; max_nights: number | null };

type Change = { property_id: string; starts_on: string; ends_on: string };

/**
 * Writes a batch in one transaction.
 *
 * @param calendars at most one of each listing
 * @param currencies decimal places by currency
 * @throws the database's error; nothing is written then
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
    const overrides = { removed: [] as Change[], added: [] as (Change & { price: number })[] };
    const rules = { removed: [] as Change[], added: [] as (Change & Nights)[] };
    const blocks = { removed: [] as Change[], added: [] as Change[] };
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
      overrides.removed.push(...prices.removed);
      overrides.added.push(...prices.added);
      rules.removed.push(...nights.removed);
      rules.added.push(...nights.added);
      const blocked = compare(
        property.id,
        property.blocks.map((range) => ({ ...range, value: {} })),
        calendar,
        blockedDays(calendar, property),
      );
      blocks.removed.push(...blocked.removed);
      blocks.added.push(...blocked.added);
      const changes = [prices, nights, blocked].flatMap(({ removed, added }) => [...removed, ...added]);
      result[changes.length === 0 ? "unchanged" : "loaded"]++;
    }
    await replaceOverrides(tx, overrides.removed, overrides.added);
    await replaceRules(tx, rules.removed, rules.added);
    await replaceBlocks(tx, source, blocks.removed, blocks.added);
    return result;
  }) as Promise<WrittenCalendars>;
}

/** Reads the properties of a batch and locks them. Dates are read as text, since a Date depends on this machine's time zone. */
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
        where o.space_id in (select s.space_id from public.property_spaces s where s.property_id = p.id)
          and b.source is distinct from p.source
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

/** Finds the ranges to remove and to add, so that a property matches its calendar. */
function compare<T extends object>(
  property_id: string,
  existing: Range<T>[],
  { days }: Calendar,
  wanted: Map<string, T>,
): { removed: Change[]; added: (Change & T)[] } {
  const dates = [...days.keys()].sort();
  const period = { from: dates[0] ?? "", until: nextDay(dates.at(-1) ?? "") };
  const ranges = replaceDays(existing, period, wanted);
  const key = (range: Range<T>) => JSON.stringify([range.starts_on, range.ends_on, range.value]);
  const [before, after] = [new Set(existing.map(key)), new Set(ranges.map(key))];
  return {
    removed: existing
      .filter((range) => !after.has(key(range)))
      .map(({ starts_on, ends_on }) => ({ property_id, starts_on, ends_on })),
    added: ranges
      .filter((range) => !before.has(key(range)))
      .map(({ starts_on, ends_on, value }) => ({ property_id, starts_on, ends_on, ...value })),
  };
}

async function replaceOverrides(
  tx: TransactionSql,
  removed: Change[],
  added: (Change & { price: number })[],
): Promise<void> {
  if (removed.length > 0) {
    await tx`
      delete from public.property_date_overrides o
      using jsonb_to_recordset(${tx.json(removed)}) as r (property_id uuid, starts_on date)
      where o.property_id = r.property_id and o.starts_on = r.starts_on`;
  }
  if (added.length > 0) {
    await tx`
      insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
      select * from jsonb_to_recordset(${tx.json(added)}) as n (
        property_id uuid, starts_on date, ends_on date, price bigint)`;
  }
}

async function replaceRules(
  tx: TransactionSql,
  removed: Change[],
  added: (Change & Nights)[],
): Promise<void> {
  if (removed.length > 0) {
    await tx`
      delete from public.property_availability_rules a
      using jsonb_to_recordset(${tx.json(removed)}) as r (property_id uuid, starts_on date)
      where a.property_id = r.property_id and a.starts_on = r.starts_on and a.kind = 'nights'`;
  }
  if (added.length > 0) {
    await tx`
      insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights, max_nights)
      select n.property_id, 'nights', n.starts_on, n.ends_on, n.min_nights, n.max_nights
      from jsonb_to_recordset(${tx.json(added)}) as n (
        property_id uuid, starts_on date, ends_on date, min_nights smallint, max_nights smallint)`;
  }
}

/** The first night is a block's id in its source, since the blocks of one source do not overlap. */
async function replaceBlocks(
  tx: TransactionSql,
  source: string,
  removed: Change[],
  added: Change[],
): Promise<void> {
  if (removed.length > 0) {
    await tx`
      delete from public.external_blocks b
      using jsonb_to_recordset(${tx.json(removed)}) as r (property_id uuid, starts_on date)
      where b.property_id = r.property_id and b.source = ${source} and b.check_in = r.starts_on`;
  }
  if (added.length > 0) {
    await tx`
      insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
      select n.property_id, ${source}, n.starts_on::text, n.starts_on, n.ends_on
      from jsonb_to_recordset(${tx.json(added)}) as n (property_id uuid, starts_on date, ends_on date)`;
  }
}
