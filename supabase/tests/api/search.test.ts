// Search, calendar, bookability and blocks as an app uses them, mostly without a user.

import { beforeAll, describe, expect, it } from "vitest";
import { anonymous, request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp } from "../support/people.ts";
import { changeAddress, createPublished } from "../support/properties.ts";
import { dayAhead, sleepUntil } from "../support/time.ts";

const guest = anonymous();
let host: Person;
let property: string;
// In the Southern Ocean, where no other test has properties.
const here = { p_latitude: -60 + Math.random(), p_longitude: 60 + Math.random() * 20, p_radius: 3_000 };

beforeAll(async () => {
  host = await signUp("Hana");
  property = await createPublished(host);
  await changeAddress(host, property, { latitude: here.p_latitude, longitude: here.p_longitude });
});

const stay = { p_check_in: dayAhead(40), p_check_out: dayAhead(43) };
const search = async (more = {}) =>
  (await guest.rpc("search_properties", { ...here, ...stay, ...more }, { get: true }).throwOnError()).data;

describe("search", () => {
  it("returns what a search result shows, and not the exact location", async () => {
    const [found] = await search();
    expect(found).toMatchObject({
      property_id: property,
      title: "House by the river",
      city: "Lisboa",
      currency: "EUR",
      price_per_night: 12_000,
      rent: 36_000,
      total: 36_000,
      check_in: dayAhead(40),
      check_out: dayAhead(43),
      rating: null,
      cover_photo: { alt_text: "The front door" },
    });
    expect(found?.distance).toBeGreaterThan(190);
    expect(found?.distance).toBeLessThan(1_000);
  });

  it("does not offer nights that the host blocks, until the block is deleted", async () => {
    const { data: block } = await host.client
      .from("host_blocks")
      .insert({
        property_id: property,
        check_in: dayAhead(42),
        check_out: dayAhead(50),
        note: "Mother comes",
      })
      .select("id")
      .single()
      .throwOnError();
    expect(await search()).toEqual([]);
    expect(await search({ p_check_out: dayAhead(42) })).toHaveLength(1);
    await host.client.from("host_blocks").delete().eq("id", block.id).throwOnError();
    expect(await search()).toHaveLength(1);
  });

  it("does not offer the nights of a hold, until the moment it ends", async () => {
    const sql = database();
    try {
      const [{ ends } = { ends: new Date() }] = await sql<{ ends: Date }[]>`
        with held as materialized (select clock_timestamp() + interval '3 seconds' as ends)
        select ends, private.reserve_nights(gen_random_uuid(), ${property}, ${dayAhead(40)}, ${dayAhead(41)}, ends) from held`;
      expect(await search()).toEqual([]);
      await sleepUntil(ends.getTime() + 20);
      expect(await search()).toHaveLength(1);
    } finally {
      await sql.end();
    }
  });

  it("is a GET that may be cached for ten seconds", async () => {
    const query = new URLSearchParams(
      Object.entries({ ...here, ...stay }).map(([k, v]): [string, string] => [k, String(v)]),
    );
    const response = await request(undefined, `/rest/v1/rpc/search_properties?${query}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("public, max-age=10");
    expect(response.headers.get("vary")).toMatch(/^Accept, Prefer, Range\b/);
    expect(response.headers.get("vary")).not.toMatch(/authorization|apikey/i);
  });

  it("counts the values of its filters, with the prices of quotes", async () => {
    const { data } = await guest
      .rpc("search_facets", { ...here, ...stay, p_currency: "EUR" }, { get: true })
      .throwOnError();
    const { data: quote } = await guest
      .rpc("quote_stay", { p_property_id: property, ...stay })
      .throwOnError();
    const total = quote.guest_total ?? 0;
    const price = { from: total, until: total + 1, count: 1 };
    expect(data).toMatchObject([
      {
        count: 1,
        is_estimate: false,
        room_types: { entire_home: 1 },
        prices: expect.arrayContaining([price]),
      },
    ]);
  });

  it("counts results with the same filters", async () => {
    const { data } = await guest.rpc("count_properties", { ...here, ...stay }, { get: true }).throwOnError();
    expect(data).toEqual([{ count: 1, is_estimate: false }]);
  });

  it.each([
    ["a word instead of a date", { p_check_in: "tomorrow" }, 400, "invalid_date"],
    ["a timestamp instead of a date", { p_check_in: `${dayAhead(40)}T15:00:00Z` }, 400, "invalid_date"],
    ["the year 9999", { p_check_in: "9999-01-01", p_check_out: "9999-01-03" }, 400, "invalid_search_dates"],
    ["check-out before check-in", { p_check_out: dayAhead(39) }, 422, "check_out_before_check_in"],
    ["negative children", { p_children: -1 }, 400, "party_out_of_range"],
    ["a page of 1,000", { p_limit: 1000 }, 400, "invalid_limit"],
    ["a cursor of another sort order", { p_after: `price:1:${crypto.randomUUID()}` }, 400, "invalid_cursor"],
  ])("refuses %s with a status and a code", async (_, wrong, expected, code) => {
    const { status, error } = await guest.rpc("search_properties", { ...here, ...stay, ...wrong });
    expect([status, errorCodes(error)]).toEqual([expected, [code]]);
  });
});

describe("calendar, bookability and blocks", () => {
  it("show visitors the days, and list every reason why a stay cannot be booked", async () => {
    const { data: days } = await guest
      .rpc(
        "property_calendar",
        { p_property_id: property, p_from: dayAhead(40), p_to: dayAhead(42) },
        { get: true },
      )
      .throwOnError();
    expect(days).toMatchObject([
      { day: dayAhead(40), free: true, reason: null, price: 12_000, currency: "EUR", arrival_allowed: true },
      { day: dayAhead(41), free: true, reason: null },
    ]);
    const { data: reasons } = await guest
      .rpc("bookability", {
        p_property_id: property,
        p_check_in: dayAhead(40),
        p_check_out: dayAhead(100),
        p_adults: 40,
        p_pets: 2,
      })
      .throwOnError();
    expect((reasons as { code: string }[]).map(({ code }) => code)).toEqual([
      "too_many_guests",
      "pets_not_allowed",
      "max_stay",
    ]);
  });

  it("answer a block of occupied nights with 409 and those nights", async () => {
    await host.client
      .from("host_blocks")
      .insert({ property_id: property, check_in: dayAhead(60), check_out: dayAhead(65) })
      .throwOnError();
    const { status, error } = await host.client
      .from("host_blocks")
      .insert({ property_id: property, check_in: dayAhead(63), check_out: dayAhead(70) });
    expect(status).toBe(409);
    expect(JSON.parse(error?.details ?? "")).toMatchObject([
      { code: "occupied", nights: [{ from: dayAhead(63), until: dayAhead(65) }] },
    ]);
  });

  it("keep occupancies and notes from strangers", async () => {
    expect((await guest.from("occupancies").select()).status).toBe(401);
    expect((await guest.from("host_blocks").select()).status).toBe(401);
    const stranger = await signUp("Sam");
    expect((await stranger.client.from("occupancies").select().throwOnError()).data).toEqual([]);
    expect((await stranger.client.from("host_blocks").select().throwOnError()).data).toEqual([]);
  });
});
