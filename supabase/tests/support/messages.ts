// Conversations between guests and hosts.

import type { Person } from "./people.ts";

/** Opens a conversation about a property and returns its id. */
export async function startThread(guest: Person, propertyId: string): Promise<string> {
  const { data } = await guest.client
    .from("threads")
    .insert({ property_id: propertyId })
    .select("id")
    .single()
    .throwOnError();
  return data.id;
}

/** Sends a message. */
export async function sendMessage(sender: Person, threadId: string, body: string): Promise<void> {
  await sender.client.from("messages").insert({ thread_id: threadId, body }).throwOnError();
}
