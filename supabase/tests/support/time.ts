// Dates, waiting, and time that passes for a booking.

import type { Sql } from "postgres";
import { withoutTriggers } from "./database.ts";

export const millisecondsPerDay = 86_400_000;

/** The date `days` days after another; both are YYYY-MM-DD. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(date) + days * millisecondsPerDay).toISOString().slice(0, 10);
}

/** The date `days` days from today in UTC, as YYYY-MM-DD. */
export function dayAhead(days: number): string {
  return addDays(new Date().toISOString().slice(0, 10), days);
}

/** Resolves at a moment, given in milliseconds since 1970. */
export function sleepUntil(moment: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, moment - Date.now()));
}

/**
 * Calls `ask` every 50 ms until it returns neither undefined nor false, and returns that value.
 * @param what what the test waits for, named in the error
 * @param timeout milliseconds after which it throws
 */
export async function until<T>(
  ask: () => Promise<T | undefined | false>,
  what: string,
  timeout = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms for ${what}`);
    await sleepUntil(Date.now() + 50);
  }
}

/** Moves a booking and its reviews `days` days into the past, as if that time had passed. */
export async function letDaysPass(sql: Sql, bookingId: string, days: number): Promise<void> {
  await withoutTriggers(sql, async (tx) => {
    await tx`update private.bookings b set
      check_in = b.check_in - ${days}::integer, check_out = b.check_out - ${days}::integer,
      check_in_at = (b.check_in - ${days}::integer + b.check_in_from) at time zone b.time_zone,
      check_out_at = (b.check_out - ${days}::integer + b.check_out_until) at time zone b.time_zone,
      confirmed_at = b.confirmed_at - make_interval(days => ${days}), status_at = b.status_at - make_interval(days => ${days}),
      created_at = b.created_at - make_interval(days => ${days})
      where b.id = ${bookingId}`;
    await tx`update public.reviews r set publishes_at = r.publishes_at - make_interval(days => ${days})
      where r.booking_id = ${bookingId}`;
  });
}

/**
 * Ends the hold or request of a booking after `seconds`, without waiting for its usual end.
 * @returns the end, in milliseconds since 1970
 */
export async function expireBookingIn(sql: Sql, bookingId: string, seconds: number): Promise<number> {
  let end = 0;
  await withoutTriggers(sql, async (tx) => {
    const [row] = await tx<{ expires_at: Date }[]>`
      update private.bookings set expires_at = clock_timestamp() + make_interval(secs => ${seconds})
      where id = ${bookingId} returning expires_at`;
    if (row === undefined) throw new Error("no such booking");
    await tx`update public.occupancies set expires_at = ${row.expires_at} where booking_id = ${bookingId}`;
    end = row.expires_at.getTime();
  });
  return end;
}

/** Runs the periodic tasks of bookings, reviews, check-in details and job workers now. */
export async function runPeriodicWork(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session authorization postgres`;
    await tx`select private.expire_and_complete_bookings()`;
    await tx`select private.publish_due_reviews()`;
    await tx`select private.send_check_in_details()`;
    await tx`select private.wake_workers()`;
  });
}
