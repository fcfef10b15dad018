// Bookings, made by guests as an app makes them.

import { service } from "./clients.ts";
import type { Person } from "./people.ts";
import { dayAhead, until } from "./time.ts";

/** Books `nights` nights from `daysAhead` days after today on, for one adult. */
export async function book(guest: Person, propertyId: string, daysAhead = 40, nights = 2) {
  const { data } = await guest.client
    .from("bookings")
    .insert({
      property_id: propertyId,
      check_in: dayAhead(daysAhead),
      check_out: dayAhead(daysAhead + nights),
    })
    .select()
    .single()
    .throwOnError();
  return data;
}

/** Confirms a booking without a payment. */
export async function confirmBooking(bookingId: string) {
  const { data } = await service()
    .rpc("confirm_booking", { p_booking_id: bookingId })
    .single()
    .throwOnError();
  return data;
}

/** Books and confirms without a payment. */
export async function bookConfirmed(guest: Person, propertyId: string, daysAhead = 40, nights = 2) {
  const { id } = await book(guest, propertyId, daysAhead, nights);
  return confirmBooking(id);
}

/** Waits until a booking has a status, and returns it. */
export async function untilStatus(person: Person, bookingId: string, status: string) {
  return until(async () => {
    const { data } = await person.client
      .from("bookings")
      .select()
      .eq("id", bookingId)
      .single()
      .throwOnError();
    return data.status === status && data;
  }, `booking ${status}`);
}

/**
 * Proposes another check-out and lets the host accept it.
 * @param checkOut YYYY-MM-DD
 */
export async function alterCheckOut(guest: Person, host: Person, bookingId: string, checkOut: string) {
  const alterationId = await proposeCheckOut(guest, bookingId, checkOut);
  const { data } = await host.client
    .rpc("accept_alteration", { p_alteration_id: alterationId })
    .single()
    .throwOnError();
  return data;
}

/**
 * Proposes another check-out.
 * @param checkOut YYYY-MM-DD
 * @returns the id of the alteration, which the other side may accept
 */
export async function proposeCheckOut(guest: Person, bookingId: string, checkOut: string): Promise<string> {
  const { data } = await guest.client
    .from("bookings")
    .update({ check_out: checkOut })
    .eq("id", bookingId)
    .select("open_alteration_id")
    .single()
    .throwOnError();
  return data.open_alteration_id ?? "";
}
