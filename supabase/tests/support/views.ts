// What a person can see of a property and of a booking there, as short phrases.

import type { Client } from "./clients.ts";

/** Reads everything that could show a property or a booking, and describes the rows that this client gets. */
export async function visibleTo(
  client: Client,
  propertyId: string,
  bookingId: string = crypto.randomUUID(),
): Promise<string[]> {
  const rows = async <T>(asked: PromiseLike<{ data: T[] | null }>) => (await asked).data ?? [];
  const [threads, bookings, addresses, contacts, payments, refunds, payouts, reviews, notes, ratings] =
    await Promise.all([
      rows(client.from("threads").select("messages(id)").eq("property_id", propertyId)),
      rows(client.from("bookings").select("status").eq("id", bookingId)),
      rows(client.from("property_addresses").select("line1").eq("property_id", propertyId)),
      rows(client.rpc("booking_contacts", { p_booking_id: bookingId })),
      rows(client.from("payments").select("status").eq("booking_id", bookingId)),
      rows(client.from("refunds").select("status").eq("booking_id", bookingId)),
      rows(client.from("payouts").select("status").eq("booking_id", bookingId)),
      rows(client.from("reviews").select("side").eq("property_id", propertyId).order("side")),
      rows(
        client
          .from("review_notes")
          .select("note, reviews!inner(property_id)")
          .eq("reviews.property_id", propertyId),
      ),
      rows(client.from("property_ratings").select("overall").eq("property_id", propertyId)),
    ]);
  return [
    ...threads.map(({ messages }) => `${messages.length} messages`),
    ...bookings.map(({ status }) => `booking ${status}`),
    ...addresses.map(({ line1 }) => `${line1}`),
    ...contacts.map(({ display_name }) => `contact of ${display_name}`).sort(),
    ...payments.map(({ status }) => `payment ${status}`),
    ...refunds.map(({ status }) => `refund ${status}`),
    ...payouts.map(({ status }) => `payout ${status}`),
    ...reviews.map(({ side }) => `review by ${side}`),
    ...notes.map(({ note }) => `note "${note}"`),
    ...ratings.map(({ overall }) => `rating ${overall}`),
  ];
}

/** The kinds of a person's notifications, oldest first. */
export async function notificationKinds(client: Client): Promise<string[]> {
  const { data } = await client.from("notifications").select("kind").order("created_at").order("id");
  return (data ?? []).map(({ kind }) => kind);
}
