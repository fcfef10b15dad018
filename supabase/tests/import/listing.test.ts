// What rows of the files become, value by value; the files are fixtures of our own in Inside Airbnb's shape.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { amenityIds } from "../../../scripts/import/amenities.ts";
import { listingsFormat } from "../../../scripts/import/formats.ts";
import { type Listing, toListing } from "../../../scripts/import/listing.ts";
import { distance, inferLocation, timeZoneAt } from "../../../scripts/import/location.ts";
import { readNeighbourhoods } from "../../../scripts/import/neighbourhoods.ts";
import { readTable } from "../../../scripts/import/table.ts";
import { plainText, priceInMinorUnits } from "../../../scripts/import/values.ts";
import { runs } from "../support/runs.ts";

const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

/** Listings by source id, problems by line, notes. */
async function mapFile(name: string) {
  const listings = new Map<string, Listing>();
  const problems: Record<number, string> = {};
  const notes: string[] = [];
  const map = await readNeighbourhoods(fixture("neighbourhoods.geojson"));
  const { header, rows } = await readTable(
    fixture(name),
    () => {},
    (line, error) => {
      problems[line] = error.message;
    },
  );
  const format = listingsFormat(name, header);
  for await (const { line, fields } of rows) {
    try {
      const listing = toListing(fields, line, format, {
        minorUnit: 2,
        timeZone: timeZoneAt,
        neighbourhood: map.find,
        isFar: () => false,
        note: (text) => notes.push(text),
      });
      listings.set(listing.source_id, listing);
    } catch (error) {
      problems[line] = String(error instanceof Error ? error.message : error);
    }
  }
  return { format, listings, problems, notes };
}

describe("a detailed file", () => {
  it("has every value of a full row", async () => {
    const { format, listings } = await mapFile("listings_detailed.csv");
    expect(format).toBe("detailed");
    expect(listings.get("1001")).toEqual({
      line: 2,
      source_id: "1001",
      title: "Casa do Rio 🏠 & garden",
      description: 'Two floors, 1 < mi from the river.\n\nThe bell says "Rio".',
      property_type: "apartment",
      room_type: "entire_home",
      max_guests: 4,
      bedrooms: 2,
      beds: 3,
      bathrooms: 1.5,
      booking_mode: "instant",
      min_nights: 3,
      max_nights: 1125,
      max_pets: 1,
      base_price: 110_100,
      neighbourhood: "Ribeira",
      latitude: 41.1405,
      longitude: -8.613,
      is_far: false,
      time_zone: "Europe/Lisbon",
      photo_url: "https://example.com/pictures/1.jpg",
      amenities: ["crib", "hair_dryer", "pool_table", "television", "wifi"],
      host: { source_id: "501", name: "Inês & Tó", about: "Born here.\nI bake.", since: "2015-06-01" },
    });
  });

  it("has null for what a row does not say", async () => {
    const { listings } = await mapFile("listings_detailed.csv");
    expect(listings.get("1002")).toMatchObject({
      property_type: "house",
      room_type: "private_room",
      base_price: null,
      beds: null,
      bathrooms: 0.5,
      photo_url: null,
      description: null,
      max_pets: null,
      host: { source_id: "502", name: null, about: null, since: null },
    });
    expect(listings.get("1006")).toMatchObject({ neighbourhood: "Ribeira", max_nights: 1125 });
    expect(listings.get("1010")).toMatchObject({
      title: "Entire home in Ribeira",
      property_type: "boat",
      amenities: [],
      photo_url: "https://example.com/pictures/10.jpg",
    });
  });

  it("tells of every broken row its line and what is wrong", async () => {
    const { listings, problems } = await mapFile("listings_detailed.csv");
    expect(problems).toEqual({
      5: 'latitude is not a number from -90 to 90: "north"',
      6: "6 columns instead of 79",
      7: "a quote is never closed",
      9: 'room_type is not one of Airbnb\'s: "Castle"',
      10: 'price is not a price such as $101.00: "ask me"',
      13: "amenities is not a list: \"['Wifi']\"",
    });
    expect([...listings.keys()]).toEqual(["1001", "1002", "1006", "1009", "1010"]);
  });
});

describe("a summary file", () => {
  it("has what its 18 columns tell, and null for the rest", async () => {
    const { format, listings, problems } = await mapFile("listings_summary.csv");
    expect(format).toBe("summary");
    expect(listings.get("2001")).toMatchObject({
      line: 2,
      title: "Barrel loft, two steps from the cellars",
      description: null,
      property_type: "other",
      max_guests: null,
      base_price: 8_500,
      min_nights: 90,
      max_nights: null,
      neighbourhood: "Gaia",
      amenities: null,
      photo_url: null,
    });
    expect(listings.get("2004")).toMatchObject({
      property_type: "hotel",
      base_price: null,
      neighbourhood: "Ribeira",
    });
    expect(problems).toEqual({ 7: 'latitude is not a number from -90 to 90: "141.14"' });
  });

  it("keeps rows apart whose ids a spreadsheet has rounded to the same, without telling where they are", async () => {
    const { listings, notes } = await mapFile("listings_summary.csv");
    const ids = [...listings.values()].filter(({ host }) => host.source_id === "602").map((l) => l.source_id);
    expect(ids).toHaveLength(2);
    // sha256 of "602\nTower room" and of "602\nCellar room", by sha256sum
    expect(ids).toEqual(["5.54287E+17/e7235ded0745", "5.54287E+17/bcbc9bf2028e"]);
    expect(notes.filter((note) => note.includes("spreadsheet"))).toHaveLength(2);
  });
});

it("a detailed file of earlier years, without its four youngest columns, is one", async () => {
  const young = ["source", "availability_eoy", "estimated_occupancy_l365d", "estimated_revenue_l365d"];
  const [line = ""] = readFileSync(fixture("listings_detailed.csv"), "utf8").split("\n");
  const header = line.split(",").filter((column) => !young.includes(column));
  expect(header).toHaveLength(75);
  expect(listingsFormat("x.csv", header)).toBe("detailed");
});

it("a detailed file of before 2020 has lists as PostgreSQL writes them, and bathrooms as a number", async () => {
  const { format, listings, problems, notes } = await mapFile("listings_2019.csv");
  expect(format).toBe("detailed");
  expect(problems).toEqual({ 5: 'amenities is not a list: "{TV,\\"Cable TV\\""' });
  expect(listings.get("4001")).toMatchObject({
    property_type: "bed_and_breakfast",
    bathrooms: 1.5,
    amenities: ["kitchen", "parking", "television", "washer", "wifi"],
    max_pets: 1,
  });
  expect(listings.get("4002")?.amenities).toEqual([]);
  expect(listings.get("4003")?.amenities).toEqual(["childrens_toys"]);
  // Internet, Pets Allowed, 24-Hour Check-in, the quoted name and the missing translation
  expect(notes.filter((note) => note.startsWith("amenities that match none"))).toHaveLength(5);
});

describe("the distance between two points", () => {
  it.each([
    // one degree of a sphere of 6,371 km is 111.19 km; Lisbon to Porto by the haversine formula, worked out by hand
    [{ latitude: 0, longitude: 0 }, { latitude: 1, longitude: 0 }, 111.19],
    [{ latitude: 60, longitude: 0 }, { latitude: 60, longitude: 1 }, 55.6],
    [{ latitude: 0, longitude: 179.5 }, { latitude: 0, longitude: -179.5 }, 111.19],
    [{ latitude: 90, longitude: 0 }, { latitude: -90, longitude: 77 }, 20_015.09],
    [{ latitude: 5, longitude: 5 }, { latitude: 5, longitude: 5 }, 0],
  ])("%j to %j is %d km", (a, b, kilometres) => {
    expect(distance(a, b)).toBeCloseTo(kilometres, 1);
  });
});

describe("a file of another kind", () => {
  const refusal = (...header: string[]) => {
    try {
      listingsFormat("/tmp/x.csv", header);
    } catch (error) {
      return error as { message: string; remedy: string };
    }
    throw new Error("not refused");
  };

  it("is refused with what was expected and what it seems to be", () => {
    expect(refusal("foo", "bar").message).toMatch(
      /^x\.csv is not an Inside Airbnb listings file\. .*18: id, name, host_id.*75 to 79: id, name/,
    );
    expect(refusal("foo", "bar").remedy).toBe("Its first line has 2 columns: foo, bar");
    expect(
      refusal("listing_id", "date", "available", "price", "minimum_nights", "maximum_nights").remedy,
    ).toContain("--calendar");
    expect(refusal("listing_id", "id", "date", "reviewer_id").remedy).toContain("reviews");
    expect(refusal("id;name;host_id").remedy).toContain("semicolons");
    expect(refusal("\ufffd\ufffdi\0d\0").remedy).toContain("UTF-8");
    expect(refusal("id", "listing_url", "name").message).not.toContain("It looks like");
  });
});

describe("prices", () => {
  it.each([
    ["$101.00", 2, 10_100],
    ["$1,234.50", 2, 123_450],
    ["120", 2, 12_000],
    ["19.999", 2, 2_000],
    ["$12,000.00", 0, 12_000],
    ["$10.5", 3, 10_500],
    ["€ 80", 2, 8_000],
    ["", 2, null],
    ["$0.00", 2, null],
  ])("%j with %i decimal places is %j", (text, minorUnit, expected) => {
    expect(priceInMinorUnits("price", text, minorUnit)).toBe(expected);
  });

  it.each(["-5", "$-5.00", "(5)", "12,34", "1.2.3", "NaN", "1e3", "$"])("%j is none", (text) => {
    expect(() => priceInMinorUnits("price", text, 2)).toThrow("price is not a price");
  });

  it("are what was written, for any amount", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99_999_999_999 }), (minor) => {
        const text = (minor / 100).toLocaleString("en", { style: "currency", currency: "USD" });
        expect(priceInMinorUnits("price", text, 2)).toBe(minor);
      }),
    );
  });
});

describe("text", () => {
  // private.is_plain_text of the database, in the same words
  const isPlain = (text: string) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is forbidden
    !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(
      text,
    ) && !/<[a-zA-Z/!]/.test(text);

  it("is plain for the database, whatever it was", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("<br />", "<b", "</", "<!", "&lt;", "b>", "script>", "\u202e", "\u0000", "\ud800"),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.integer({ min: 1, max: 40 }), (pieces, max) => {
        const text = plainText(pieces.join(""), max) ?? "x";
        expect(isPlain(text)).toBe(true);
        expect([...text].length).toBeLessThanOrEqual(max);
        expect(text).toMatch(/\S/);
      }),
      { numRuns: runs(1_000) },
    );
  });
});

describe("amenities", () => {
  it.each([
    ["Fast wifi – 420 Mbps", ["wifi"]],
    ["Free washer – In unit", ["washer"]],
    ["Dishwasher", ["dishwasher"]],
    ["Hair dryer", ["hair_dryer"]],
    ["Free dryer – In building", ["dryer"]],
    ["Microwave", ["microwave"]],
    ["55 inch HDTV with Netflix", ["television"]],
    ["Private outdoor pool", ["pool"]],
    ["Pool view", []],
    ["Private backyard – Fully fenced", ["garden"]],
    ["Garden view", []],
    ["Free parking on premises", ["parking"]],
    ["Paid parking off premises", []],
    ["Children’s books and toys", ["childrens_toys"]],
    ["Grandmother’s stories", []],
  ])("%s is %j", (word, ids) => {
    expect(amenityIds(word)).toEqual(ids);
  });
});

describe("locations", () => {
  it("are inferred from coordinates, unless given", () => {
    const asheville = [{ latitude: 35.6, longitude: -82.55 }];
    expect(inferLocation(asheville, {})).toEqual({
      city: "Asheville",
      region: "North Carolina",
      country: "US",
      currency: "USD",
      timeZone: "America/New_York",
    });
    expect(inferLocation(asheville, { city: "Weaverville", currency: "EUR" })).toMatchObject({
      city: "Weaverville",
      region: null,
      country: "US",
      currency: "EUR",
    });
    expect(() => inferLocation([], {})).toThrow("where the listings are");
  });
});
