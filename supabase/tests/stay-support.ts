// What tests of stays share: a place, a booking, and the clock, which is moved by moving the stay instead.

import type { Sql } from "postgres";
import { createPublished, type PropertyUpdate } from "./property-support.ts";
import { type Mail, type Person, service, stack, until } from "./support.ts";

/** The day so many days from now, UTC, as YYYY-MM-DD. */
export function dayAhead(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

/** A published place. */
export async function createHome(host: Person, changes: PropertyUpdate = {}): Promise<string> {
  const id = await createPublished(host);
  await host.client
    .from("properties")
    .update({ booking_mode: "instant", ...changes })
    .eq("id", id)
    .throwOnError();
  return id;
}

/** Books from one day ahead to another and returns the booking's id. */
export async function bookStay(guest: Person, property: string, from: number, to: number): Promise<string> {
  const { data } = await guest.client
    .from("bookings")
    .insert({ property_id: property, check_in: dayAhead(from), check_out: dayAhead(to) })
    .select("id")
    .single()
    .throwOnError();
  return data?.id ?? "";
}

/** Confirms, as a payment will. */
export async function confirmStay(booking: string): Promise<void> {
  await service().rpc("confirm_booking", { p_booking_id: booking }).throwOnError();
}

/** Lets so many days pass for a booking: everything that was agreed and written about it is so much longer ago. */
export async function letDaysPass(sql: Sql, booking: string, days: number): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update private.bookings b set
      check_in = b.check_in - ${days}::integer, check_out = b.check_out - ${days}::integer,
      check_in_at = (b.check_in - ${days}::integer + b.check_in_from) at time zone b.time_zone,
      check_out_at = (b.check_out - ${days}::integer + b.check_out_until) at time zone b.time_zone,
      confirmed_at = b.confirmed_at - make_interval(days => ${days}), status_at = b.status_at - make_interval(days => ${days}),
      created_at = b.created_at - make_interval(days => ${days})
      where b.id = ${booking}`;
    await tx`update public.reviews r set publishes_at = r.publishes_at - make_interval(days => ${days}) where r.booking_id = ${booking}`;
  });
}

/** Does what is due by the clock, at once. */
export async function runDueWork(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session authorization postgres`;
    await tx`select private.expire_and_complete_bookings()`;
    await tx`select private.publish_due_reviews()`;
    await tx`select private.send_check_in_details()`;
    await tx`select private.wake_workers()`;
  });
}

/** The mail to a person whose subject contains these words, once it is there. */
export async function mailAbout(
  person: { email: string },
  subject: string,
): Promise<Mail & { Headers: Record<string, string[]> }> {
  const query = encodeURIComponent(`to:"${person.email}" subject:"${subject}"`);
  return until(async () => {
    const response = await fetch(`${stack.mailUrl}/api/v1/search?query=${query}`);
    const { messages } = (await response.json()) as { messages: Mail[] };
    if (messages[0] === undefined) return undefined;
    const mail = await fetch(`${stack.mailUrl}/api/v1/message/${messages[0].ID}`);
    return (await mail.json()) as Mail & { Headers: Record<string, string[]> };
  }, `a mail to ${person.email} about "${subject}"`);
}

/** How many mails a person has had, beside the one that confirmed the address. */
export async function mailCount(person: { email: string }): Promise<number> {
  const response = await fetch(
    `${stack.mailUrl}/api/v1/search?query=${encodeURIComponent(`to:"${person.email}"`)}`,
  );
  return ((await response.json()) as { messages_count: number }).messages_count - 1;
}
