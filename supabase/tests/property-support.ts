// What tests of properties share: a host's way from nothing to a published property, as an app goes it.

import type { Database } from "../../types/database.ts";
import { type Client, type Person, stack } from "./support.ts";

export type PropertyUpdate = Database["public"]["Tables"]["properties"]["Update"];

/** A PNG of one pixel. */
export const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** A house in Lisbon that lacks nothing but its address and a photo. */
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

/** Its door, which strangers must never learn. */
export const door = {
  line1: "Rua Secreta 77",
  postal_code: "1100-048",
  city: "Lisboa",
  country: "PT",
  latitude: 38.7079123,
  longitude: -9.1366456,
} as const;

/** Makes a draft and returns its id. */
export async function createDraft(host: Client, values: PropertyUpdate & { title: string } = house) {
  const { data } = await host.from("properties").insert(values).select("id").single().throwOnError();
  return data.id;
}

/** Uploads a photo and makes its row through the Edge Function, whose answer is returned. */
export async function addPhoto(
  person: Person,
  property: string,
  {
    bytes = png,
    contentType = "image/png",
    name = `${crypto.randomUUID()}.png`,
    alt = "The front door",
  } = {},
): Promise<Response> {
  const path = `${property}/${name}`;
  const { error } = await person.client.storage.from("property-photos").upload(path, bytes, { contentType });
  if (error !== null) throw error;
  return callPhotos(person, { path, alt_text: alt });
}

/** Calls the Edge Function property-photos as a person, or without one. */
export async function callPhotos(person: Person | undefined, body: unknown): Promise<Response> {
  const token = (await person?.client.auth.getSession())?.data.session?.access_token;
  return fetch(`${stack.apiUrl}/functions/v1/property-photos`, {
    method: "POST",
    headers: {
      apikey: stack.publishableKey,
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
}

/** A draft that lacks nothing. */
export async function createCompleteDraft(host: Person): Promise<string> {
  const id = await createDraft(host.client);
  await host.client
    .from("property_addresses")
    .insert({ property_id: id, ...door })
    .throwOnError();
  const response = await addPhoto(host, id);
  if (response.status !== 201) throw new Error(`photo: ${response.status} ${await response.text()}`);
  return id;
}

/** A published property. */
export async function createPublished(host: Person): Promise<string> {
  const id = await createCompleteDraft(host);
  await host.client.rpc("publish_property", { p_property_id: id }).throwOnError();
  return id;
}
