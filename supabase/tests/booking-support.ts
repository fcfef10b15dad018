// What tests of bookings share: a place that can be booked, days ahead, and requests whose status counts.

import { createPublished, type PropertyUpdate } from "./property-support.ts";
import { type Client, type Person, service, stack } from "./support.ts";

/** The day so many days from now, UTC, as YYYY-MM-DD. */
export function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

/** A published place that is booked instantly unless `changes` say otherwise. */
export async function createBookable(host: Person, changes: PropertyUpdate = {}): Promise<string> {
  const id = await createPublished(host);
  await host.client
    .from("properties")
    .update({ booking_mode: "instant", ...changes })
    .eq("id", id)
    .throwOnError();
  return id;
}

/** Books from one day ahead to another; throws unless that succeeds. */
export async function book(guest: Client, property: string, from: number, until: number) {
  const { data } = await guest
    .from("bookings")
    .insert({ property_id: property, check_in: inDays(from), check_out: inDays(until) })
    .select()
    .single()
    .throwOnError();
  return data;
}

/** Books and confirms, as a payment will. */
export async function bookConfirmed(guest: Client, property: string, from: number, until: number) {
  const { id } = await book(guest, property, from, until);
  const { data } = await service().rpc("confirm_booking", { p_booking_id: id }).single().throwOnError();
  return data;
}

/** Codes of the reasons in an error's details. */
export function codes(error: { details: string | null } | null): string[] {
  return (JSON.parse(error?.details ?? "[]") as { code: string }[]).map(({ code }) => code);
}

/** Sends many requests at once over their own connections and returns status and body of each. */
export async function ask(
  person: Person,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> | Record<string, unknown>[] }> {
  const { data } = await person.client.auth.getSession();
  const response = await fetch(`${stack.apiUrl}/rest/v1/${path}`, {
    method,
    headers: {
      apikey: stack.publishableKey,
      authorization: `Bearer ${data.session?.access_token}`,
      "content-type": "application/json",
      prefer: "return=representation",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

/** How often each value occurs. */
export function tally<T extends string | number>(values: T[]): Record<T, number> {
  const counts = {} as Record<T, number>;
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
