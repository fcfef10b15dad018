// What each person of a story sees, in words, asked as an app would; and their mails, each of which has to be read.

import { expect } from "vitest";
import { mailAbout } from "./stay-support.ts";
import { type Client, stack } from "./support.ts";

/** What somebody sees of a place and a stay there. */
export async function seenBy(client: Client, home: string, stay: string | undefined): Promise<string[]> {
  const rows = async <T>(asked: PromiseLike<{ data: T[] | null }>) => (await asked).data ?? [];
  const ofStay = stay ?? crypto.randomUUID();
  const [threads, bookings, addresses, contacts, payments, refunds, payouts, reviews, notes, ratings] =
    await Promise.all([
      rows(client.from("threads").select("messages(id)").eq("property_id", home)),
      rows(client.from("bookings").select("status").eq("id", ofStay)),
      rows(client.from("property_addresses").select("line1").eq("property_id", home)),
      rows(client.rpc("booking_contacts", { p_booking_id: ofStay })),
      rows(client.from("payments").select("status").eq("booking_id", ofStay)),
      rows(client.from("refunds").select("status").eq("booking_id", ofStay)),
      rows(client.from("payouts").select("status").eq("booking_id", ofStay)),
      rows(client.from("reviews").select("side").eq("property_id", home).order("side")),
      rows(
        client
          .from("review_notes")
          .select("note, reviews!inner(property_id)")
          .eq("reviews.property_id", home),
      ),
      rows(client.from("property_ratings").select("overall").eq("property_id", home)),
    ]);
  return [
    ...threads.map(({ messages }) => `${messages.length} messages`),
    ...bookings.map(({ status }) => `booking ${status}`),
    ...addresses.map(({ line1 }) => `${line1}`),
    ...contacts.map(({ display_name }) => `how to reach ${display_name}`).sort(),
    ...payments.map(({ status }) => `payment ${status}`),
    ...refunds.map(({ status }) => `refund ${status}`),
    ...payouts.map(({ status }) => `payout ${status}`),
    ...reviews.map(({ side }) => `review by ${side}`),
    ...notes.map(({ note }) => `note "${note}"`),
    ...ratings.map(({ overall }) => `rating ${overall}`),
  ];
}

/** The kinds of what somebody was told, in order. */
export async function toldTo(client: Client): Promise<string[]> {
  const { data } = await client.from("notifications").select("kind").order("created_at").order("id");
  return (data ?? []).map(({ kind }) => kind);
}

/** The mails of a story: `read` checks one, `unread` says which were not read. */
export function mailbox() {
  const read = new Map<string, string[]>();
  return {
    /** Waits for a mail whose subject is this, and finds these words in its text and its HTML. */
    async read(person: { email: string }, subject: string, ...words: string[]) {
      const mail = await mailAbout(person, subject);
      expect(mail.Subject).toBe(subject);
      const html = mail.HTML.replaceAll("&#39;", "'").replaceAll("&quot;", '"');
      for (const word of words) {
        expect(mail.Text).toContain(word);
        expect(html).toContain(word);
      }
      read.set(person.email, [...(read.get(person.email) ?? []), subject]);
      return mail;
    },
    /** Subjects of the mails that came and were not read, beside the one that confirmed the address; and of those read twice. */
    async unread(person: { email: string }): Promise<string[]> {
      const query = encodeURIComponent(`to:"${person.email}"`);
      const response = await fetch(`${stack.mailUrl}/api/v1/search?query=${query}&limit=500`);
      const { messages } = (await response.json()) as { messages: { Subject: string }[] };
      const left = [...(read.get(person.email) ?? [])];
      return messages
        .map(({ Subject }) => Subject)
        .slice(0, -1)
        .filter((subject) => {
          const index = left.indexOf(subject);
          if (index >= 0) left.splice(index, 1);
          return index < 0;
        })
        .concat(left);
    },
  };
}
