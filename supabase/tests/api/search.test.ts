// Search, calendar and bookability as an app meets them: over HTTP, without a user.

import { beforeAll, describe, expect, it } from "vitest";
import { createPublished } from "../property-support.ts";
import { anonymous, database, type Person, signUp, stack } from "../support.ts";

const guest = anonymous();
let host: Person;
let property: string;
// in the southern ocean, where no other test has a place
const here = { p_latitude: -60 + Math.random(), p_longitude: 60 + Math.random() * 20, p_radius: 3_000 };

beforeAll(async () => {
  host = await signUp("Hana");
  property = await createPublished(host);
  await host.client
    .from("property_addresses")
    .update({ latitude: here.p_latitude, longitude: here.p_longitude })
    .eq("property_id", property)
    .throwOnError();
});

const stay = { p_check_in: day(40), p_check_out: day(43) };
const search = async (more = {}) =>
  (await guest.rpc("search_properties", { ...here, ...stay, ...more }, { get: true }).throwOnError()).data;

describe("search", () => {
  it("answers what a card on a page shows, and not where the door is", async () => {
    const [found] = await search();
    expect(found).toMatchObject({
      property_id: property,
      title: "House by the river",
      city: "Lisboa",
      currency: "EUR",
      price_per_night: 12_000,
      rent: 36_000,
      total: 36_000,
      check_in: day(40),
      check_out: day(43),
      rating: null,
      cover_photo: { alt_text: "The front door" },
    });
    expect(found?.distance).toBeGreaterThan(190);
    expect(found?.distance).toBeLessThan(1_000);
  });

  it("stops offering what the host blocks, and offers it again when the block is gone", async () => {
    const { data: block } = await host.client
      .from("host_blocks")
      .insert({ property_id: property, check_in: day(42), check_out: day(50), note: "Mother comes" })
      .select("id")
      .single()
      .throwOnError();
    expect(await search()).toEqual([]);
    expect(await search({ p_check_out: day(42) })).toHaveLength(1);
    await host.client.from("host_blocks").delete().eq("id", block.id).throwOnError();
    expect(await search()).toHaveLength(1);
  });

  it("stops offering a hold's nights, and offers them the moment it ends", async () => {
    const sql = database();
    try {
      const [{ ends } = { ends: new Date() }] = await sql<{ ends: Date }[]>`
        with held as materialized (select clock_timestamp() + interval '3 seconds' as ends)
        select ends, private.reserve_nights(gen_random_uuid(), ${property}, ${day(40)}, ${day(41)}, ends) from held`;
      expect(await search()).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, ends.getTime() - Date.now() + 20));
      expect(await search()).toHaveLength(1);
    } finally {
      await sql.end();
    }
  });

  it("is a GET that may be cached for a moment", async () => {
    const query = new URLSearchParams(
      Object.entries({ ...here, ...stay }).map(([k, v]): [string, string] => [k, String(v)]),
    );
    const response = await fetch(`${stack.apiUrl}/rest/v1/rpc/search_properties?${query}`, {
      headers: { apikey: stack.publishableKey },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("public, max-age=10");
    expect(response.headers.get("vary")).toBe("Accept, Prefer, Range");
  });

  it("tells what it could be narrowed to, with prices as quotes say", async () => {
    const { data } = await guest
      .rpc("search_facets", { ...here, ...stay, p_currency: "EUR" }, { get: true })
      .throwOnError();
    const { data: quote } = await guest
      .rpc("quote_stay", { p_property_id: property, ...stay })
      .throwOnError();
    const total = quote.guest_total ?? 0;
    const price = { from: total, until: total + 1, count: 1 };
    expect(data).toMatchObject([
      { count: 1, is_more: false, room_types: { entire_home: 1 }, prices: expect.arrayContaining([price]) },
    ]);
  });

  it("counts under the same filters", async () => {
    const { data } = await guest.rpc("count_properties", { ...here, ...stay }, { get: true }).throwOnError();
    expect(data).toEqual([{ count: 1, is_more: false }]);
  });

  it.each([
    ["a day without a number", { p_check_in: "tomorrow" }, "invalid_date"],
    ["a time for a day", { p_check_in: `${day(40)}T15:00:00Z` }, "invalid_date"],
    ["the year 9999", { p_check_in: "9999-01-01", p_check_out: "9999-01-03" }, "dates"],
    ["check-out before check-in", { p_check_out: day(39) }, "check_out_before_check_in"],
    ["negative children", { p_children: -1 }, "invalid_party"],
    ["a page of a thousand", { p_limit: 1000 }, "limit"],
    ["a cursor of another order", { p_after: `price:1:${crypto.randomUUID()}` }, "cursor"],
  ])("refuses %s with 400 and a code", async (_, wrong, code) => {
    const { status, error } = await guest.rpc("search_properties", { ...here, ...stay, ...wrong });
    expect(status).toBe(400);
    expect((JSON.parse(error?.details ?? "[]") as { code: string }[]).map((r) => r.code)).toContain(code);
  });
});

describe("calendar, bookability and blocks", () => {
  it("shows a stranger the days, and lists every reason against a stay", async () => {
    const { data: days } = await guest
      .rpc("property_calendar", { p_property_id: property, p_from: day(40), p_to: day(42) }, { get: true })
      .throwOnError();
    expect(days).toMatchObject([
      { day: day(40), free: true, reason: null, price: 12_000, currency: "EUR", arrival_allowed: true },
      { day: day(41), free: true, reason: null },
    ]);
    const { data: reasons } = await guest
      .rpc("bookability", {
        p_property_id: property,
        p_check_in: day(40),
        p_check_out: day(100),
        p_adults: 40,
        p_pets: 2,
      })
      .throwOnError();
    expect((reasons as { code: string }[]).map(({ code }) => code)).toEqual([
      "too_many_guests",
      "too_many_pets",
      "max_stay",
    ]);
  });

  it("answers 409 and the nights that are in the way to a block of taken nights", async () => {
    await host.client
      .from("host_blocks")
      .insert({ property_id: property, check_in: day(60), check_out: day(65) })
      .throwOnError();
    const { status, error } = await host.client
      .from("host_blocks")
      .insert({ property_id: property, check_in: day(63), check_out: day(70) });
    expect(status).toBe(409);
    expect(JSON.parse(error?.details ?? "")).toMatchObject([
      { code: "occupied", nights: [{ from: day(63), until: day(65) }] },
    ]);
  });

  it("keeps occupancies and notes from strangers", async () => {
    expect((await guest.from("occupancies").select()).status).toBe(401);
    expect((await guest.from("host_blocks").select()).status).toBe(401);
    const stranger = await signUp("Sam");
    expect((await stranger.client.from("occupancies").select().throwOnError()).data).toEqual([]);
    expect((await stranger.client.from("host_blocks").select().throwOnError()).data).toEqual([]);
  });
});

/** The day so many days from today, UTC. */
function day(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}
