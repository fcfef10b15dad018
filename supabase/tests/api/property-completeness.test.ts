// No sequence of API calls leaves a published property without the fields that publishing requires.

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { book } from "../support/bookings.ts";
import { database } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";
import {
  addPhoto,
  createCompleteDraft,
  exactAddress,
  house,
  type PropertyUpdate,
} from "../support/properties.ts";

const sql = database();
let ana: Person;
let ben: Person;

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
});
afterAll(() => sql.end());

/** Lists what a guest would miss in a published property, independently of the database's own list. */
async function listMissing(property: string): Promise<string[]> {
  const [row] = await sql`
    select p.*, a.line1, a.latitude, (select count(*)::int from public.property_photos f where f.property_id = p.id) as photos
    from public.properties p left join public.property_addresses a on a.property_id = p.id where p.id = ${property}`;
  if (row?.status !== "published") return [];
  const needed = [
    ...Object.keys(house),
    "line1",
    "latitude",
    "city",
    "country",
    "public_latitude",
    "public_longitude",
  ];
  const missing = needed.filter((column) => row[column] === null);
  if (row.photos < 1) missing.push("photos");
  if (row.description.trim().length < 50) missing.push("description");
  return missing;
}

const nullable = Object.keys(house).filter(
  (key) => key !== "title" && key !== "description",
) as (keyof typeof house)[];

const call = fc.oneof(
  fc.record({ kind: fc.constant("publish" as const) }),
  fc.record({ kind: fc.constant("pause" as const) }),
  fc.record({
    kind: fc.constant("clear" as const),
    columns: fc.subarray(nullable, { minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("describe" as const), length: fc.integer({ min: 0, max: 80 }) }),
  fc.record({ kind: fc.constant("fill" as const) }),
  fc.record({ kind: fc.constant("delete address" as const) }),
  fc.record({ kind: fc.constant("write address" as const), street: fc.boolean() }),
  fc.record({ kind: fc.constant("delete photos" as const), all: fc.boolean() }),
  fc.record({ kind: fc.constant("add photo" as const) }),
  fc.record({ kind: fc.constant("delete property" as const) }),
  fc.record({ kind: fc.constant("set status" as const) }),
);
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/** Makes a call and returns its HTTP status. */
async function make(id: string, step: Call): Promise<number> {
  const { client } = ana;
  switch (step.kind) {
    case "publish":
      return (await client.rpc("publish_property", { p_property_id: id })).status;
    case "pause":
      return (await client.rpc("pause_property", { p_property_id: id })).status;
    case "clear": {
      const change = Object.fromEntries(step.columns.map((column) => [column, null])) as PropertyUpdate;
      return (await client.from("properties").update(change).eq("id", id)).status;
    }
    case "describe":
      return (
        await client
          .from("properties")
          .update({ description: "x".repeat(step.length) })
          .eq("id", id)
      ).status;
    case "fill":
      return (await client.from("properties").update(house).eq("id", id)).status;
    case "delete address":
      return (await client.from("property_addresses").delete().eq("property_id", id)).status;
    case "write address": {
      const address = { property_id: id, ...exactAddress, line1: step.street ? exactAddress.line1 : null };
      return (await client.from("property_addresses").upsert(address)).status;
    }
    case "delete photos": {
      const photos = await client.from("property_photos").select("id").eq("property_id", id).throwOnError();
      const ids = photos.data.map((photo) => photo.id).slice(step.all ? 0 : 1);
      return (await client.from("property_photos").delete().in("id", ids)).status;
    }
    case "add photo":
      return (await addPhoto(ana, id)).status;
    case "delete property":
      return (await client.from("properties").delete().eq("id", id)).status;
    case "set status":
      return (
        await client
          .from("properties")
          .update({ status: "published" } as object)
          .eq("id", id)
      ).status;
  }
}

it("calls in any order leave a published property complete", { timeout: 120_000 }, async () => {
  const statuses = new Set<number>();
  let published = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 3, maxLength: 12 }), async (steps) => {
      const id = await createCompleteDraft(ana);
      await ana.client.rpc("publish_property", { p_property_id: id }).throwOnError();
      const { id: booking } = await book(ben, id, 30);
      await ben.client.from("bookings").delete().eq("id", booking).throwOnError();
      // A property that was ever booked cannot be deleted.
      for (const step of steps) {
        statuses.add(await make(id, step));
        expect(await listMissing(id)).toEqual([]);
      }
      const [row] = await sql`select status from public.properties where id = ${id}`;
      published += row?.status === "published" ? 1 : 0;
    }),
    { numRuns: 40, seed: 20261121 },
  );
  // Some calls succeeded, some were refused, and none failed.
  for (const status of [200, 201, 204, 403, 422]) expect([...statuses]).toContain(status);
  expect([...statuses].filter((status) => status >= 500)).toEqual([]);
  expect(published).toBeGreaterThan(0);
});

it("simultaneous calls leave a published property complete", { timeout: 120_000 }, async () => {
  for (let round = 0; round < 15; round++) {
    const id = await createCompleteDraft(ana);
    await addPhoto(ana, id);
    if (round % 2 === 0) await ana.client.rpc("publish_property", { p_property_id: id }).throwOnError();
    const photos = await ana.client.from("property_photos").select("id").eq("property_id", id).throwOnError();
    const answers = await Promise.all([
      ...photos.data.map((photo) => ana.client.from("property_photos").delete().eq("id", photo.id)),
      ana.client.from("property_addresses").delete().eq("property_id", id),
      ana.client.from("properties").update({ beds: null }).eq("id", id),
      ana.client.rpc("publish_property", { p_property_id: id }),
    ]);
    expect(await listMissing(id)).toEqual([]);
    expect(answers.map(({ status }) => status).filter((status) => status >= 500)).toEqual([]);
  }
});
