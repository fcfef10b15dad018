// Moves every date of the past by whole weeks, so that weekends stay weekends.

import type { PastFile } from "./file.ts";

const day = 86_400_000;
const week = 7 * day;

/** A date anywhere in COPY text or JSON. It cannot be a part of a UUID, which has no group of two digits. */
const dates = /(?<!\d)20\d\d-\d\d-\d\d(?!\d)/g;
/** Seconds since 1970 as the value of a key, as Stripe's objects have them, from 2017 to 2033. */
const seconds = /(?<=": ?)1[5-9]\d{8}(?=[,}\]])/g;

/** The past that ended at most a week before `now`. @param now milliseconds since 1970 */
export function shiftPast(file: PastFile, now: number): PastFile {
  const by = Math.floor((now - file.until) / week) * week;
  const moved = new Map<string, string>(); // there are few dates, and each is there many times
  const moveDate = (date: string): string => {
    let result = moved.get(date);
    if (result === undefined) {
      result = new Date(Date.parse(date) + by).toISOString().slice(0, 10);
      moved.set(date, result);
    }
    return result;
  };
  const move = (text: string): string =>
    text.replace(dates, moveDate).replace(seconds, (value) => String(Number(value) + by / 1000));
  return {
    ...file,
    until: file.until + by,
    rows: file.rows.map((rows) => ({ ...rows, text: move(rows.text) })),
    books: move(file.books),
  };
}
