// The rows of a calendar file, grouped to calendars of one listing each, and ranges of dates. The rows of a listing are adjacent; if
// the listing appears again, a new calendar begins.

import { boolean, integerBetween, isoDate, priceInMinorUnits, RowError } from "./values.ts";

export interface Day {
  available: boolean;
  /** As in the file, since minor units depend on the property's currency. */
  price: string;
  min_nights: number | null;
  max_nights: number | null;
}

export interface Calendar {
  line: number;
  source_id: string;
  days: Map<string, Day>;
}

/** Limits the memory of one calendar; files hold little more than a year. */
const maxDays = 2_000;

/** Parses a row. @throws RowError */
export function toDay(fields: Map<string, string>): { source_id: string; date: string; day: Day } {
  const text = (column: string) => fields.get(column)?.trim() ?? "";
  const source_id = text("listing_id");
  if (!/^\d{1,20}$/.test(source_id)) throw new RowError("listing_id is not a number", source_id);
  const date = isoDate("date", text("date"));
  const available = boolean("available", text("available"));
  if (date === null || date < "2000-01-01" || date >= "2099-12-31") {
    throw new RowError("date is not between 2000 and 2099", text("date"));
  }
  if (available === null) throw new RowError("available is blank");
  const min_nights = integerBetween("minimum_nights", text("minimum_nights"), 1, 1125);
  const max = integerBetween("maximum_nights", text("maximum_nights"), 1, Number.MAX_SAFE_INTEGER);
  const max_nights = max === null ? null : Math.max(Math.min(max, 1125), min_nights ?? 1);
  // checked here to report this row; parsed again when the currency is known
  priceInMinorUnits("price", text("price"), 0);
  return { source_id, date, day: { available, price: text("price"), min_nights, max_nights } };
}

/** Groups adjacent days of the same listing. */
export async function* toCalendars(
  days: AsyncIterable<{ line: number; source_id: string; date: string; day: Day }>,
): AsyncGenerator<Calendar> {
  let calendar: Calendar | undefined;
  for await (const { line, source_id, date, day } of days) {
    if (calendar !== undefined && (calendar.source_id !== source_id || calendar.days.size >= maxDays)) {
      yield calendar;
      calendar = undefined;
    }
    calendar ??= { line, source_id, days: new Map() };
    calendar.days.set(date, day);
  }
  if (calendar !== undefined) yield calendar;
}

/** A range of dates, [starts_on, ends_on), and the value of each of its days. */
export interface Range<T> {
  starts_on: string;
  ends_on: string;
  value: T;
}

/** The next day of a date YYYY-MM-DD. */
export function nextDay(date: string): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}

/** Merges adjacent days of the same value into ranges. */
export function toRanges<T>(days: Map<string, T>): Range<T>[] {
  const ranges: Range<T>[] = [];
  for (const [date, value] of [...days].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const last = ranges.at(-1);
    if (last !== undefined && last.ends_on === date && JSON.stringify(last.value) === JSON.stringify(value)) {
      last.ends_on = nextDay(date);
    } else {
      ranges.push({ starts_on: date, ends_on: nextDay(date), value });
    }
  }
  return ranges;
}

/**
 * Replaces the days of a period within existing ranges. The parts of ranges outside the period are kept.
 *
 * @param period from a first day to the day after the last
 * @param days the new values in the period; other days of the period have none
 */
export function replaceDays<T>(
  existing: Range<T>[],
  period: { from: string; until: string },
  days: Map<string, T>,
): Range<T>[] {
  const outside = existing.flatMap((range) => [
    ...(range.starts_on < period.from ? [{ ...range, ends_on: earlier(range.ends_on, period.from) }] : []),
    ...(range.ends_on > period.until ? [{ ...range, starts_on: later(range.starts_on, period.until) }] : []),
  ]);
  return [...outside, ...toRanges(days)].sort((a, b) => (a.starts_on < b.starts_on ? -1 : 1));
}

const earlier = (a: string, b: string) => (a < b ? a : b);
const later = (a: string, b: string) => (a > b ? a : b);
