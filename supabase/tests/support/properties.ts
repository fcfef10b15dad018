// Properties, from a draft to one that guests can book, made by the calls that an app makes.

import type { Database } from "../../../types/database.ts";
import type { Client } from "./clients.ts";
import { addFile } from "./files.ts";
import type { Person } from "./people.ts";

export type PropertyUpdate = Database["public"]["Tables"]["properties"]["Update"];

/** A house in Lisbon for 120.00 EUR a night; only its address and a photo are missing. */
export const house = {
  title: "House by the river",
  description: "A quiet house with a view of the river, ten minutes from the centre.",
  property_type: "house",
  room_type: "entire_home",
  max_guests: 4,
  bedrooms: 2,
  beds: 3,
  bathrooms: 1.5,
  time_zone: "Europe/Lisbon",
  currency: "EUR",
  base_price: 12_000,
} as const satisfies PropertyUpdate;

/** The exact address of the house, which strangers must never learn. */
export const exactAddress = {
  line1: "Rua Secreta 77",
  postal_code: "1100-048",
  city: "Lisboa",
  country: "PT",
  latitude: 38.7079123,
  longitude: -9.1366456,
} as const;

/** Creates a draft and returns its id. */
export async function createDraft(
  host: Client,
  values: PropertyUpdate & { title: string } = house,
): Promise<string> {
  const { data } = await host.from("properties").insert(values).select("id").single().throwOnError();
  return data.id;
}

/** Uploads a photo and adds it to a property; returns the answer of the Edge Function `files`. */
export async function addPhoto(
  person: Person,
  propertyId: string,
  { alt = "The front door", ...file }: Parameters<typeof addFile>[2] & { alt?: string } = {},
): Promise<Response> {
  return addFile(person, { kind: "property_photo", property_id: propertyId, alt_text: alt }, file);
}

/** Creates a draft that can be published, and returns its id. */
export async function createCompleteDraft(host: Person): Promise<string> {
  const id = await createDraft(host.client);
  await host.client
    .from("property_addresses")
    .insert({ property_id: id, ...exactAddress })
    .throwOnError();
  const response = await addPhoto(host, id);
  if (response.status !== 201) throw new Error(`photo: ${response.status} ${await response.text()}`);
  return id;
}

/** Creates a published property, which takes requests to book, and returns its id. */
export async function createPublished(host: Person): Promise<string> {
  const id = await createCompleteDraft(host);
  await host.client.rpc("publish_property", { p_property_id: id }).throwOnError();
  return id;
}

/** Creates a published property that is booked instantly unless `changes` say otherwise, and returns its id. */
export async function createBookable(host: Person, changes: PropertyUpdate = {}): Promise<string> {
  const id = await createPublished(host);
  await host.client
    .from("properties")
    .update({ booking_mode: "instant", ...changes })
    .eq("id", id)
    .throwOnError();
  return id;
}

/** Changes the address of a property, for example to a region where no other test has one. */
export async function changeAddress(
  host: Person,
  propertyId: string,
  changes: Database["public"]["Tables"]["property_addresses"]["Update"],
): Promise<void> {
  await host.client.from("property_addresses").update(changes).eq("property_id", propertyId).throwOnError();
}
