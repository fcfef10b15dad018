// `npm run import`, from the file to what anybody reads through the API.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mappedAmenities } from "../../../scripts/import/amenities.ts";
import { databaseUrl } from "../../../scripts/lib/config.ts";
import { freePort } from "../../../scripts/lib/ports.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import type { Database } from "../../../types/database.ts";
import { counts, fixture, runImport } from "./command.ts";

const config = await testConfig();
const folder = mkdtempSync(join(tmpdir(), "staybase-import-"));
const detailed = fixture("listings_detailed.csv");
let stack: Stack;
let sql: Sql;

beforeAll(async () => {
  stack = await startStack(config);
  sql = postgres(databaseUrl(config), { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await sql?.end();
  await stack?.stop();
  removeTestData(config);
  rmSync(folder, { recursive: true, force: true });
});

const anyone = () =>
  createClient<Database>(config.apiUrl, config.keys.publishable, { auth: { persistSession: false } });
const run = (...args: string[]) => runImport(config, "inside-airbnb", ...args);

/** A copy of a fixture with something replaced. */
function changed(name: string, from: string, to: string): string {
  const text = readFileSync(fixture(name), "utf8");
  if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
  const path = join(folder, `${Math.random()}-${name}`);
  writeFileSync(path, text.replace(from, to));
  return path;
}

describe("a detailed file", () => {
  it("is loaded, and broken rows are named by line and cost nothing else", async () => {
    const outcome = await run(detailed, "--neighbourhoods", fixture("neighbourhoods.geojson"));
    expect(outcome.code).toBe(0);
    expect(counts(outcome, "listings")).toEqual([4, 0, 0, 7]);
    expect(counts(outcome, "hosts")).toEqual([2, 0, 0, 0]);
    const lineNumber = (text: string) => Number(/\d+/.exec(text));
    const said = outcome.stderr.match(/line \d+: .*/g)?.sort((a, b) => lineNumber(a) - lineNumber(b));
    expect(said).toEqual([
      'line 5: latitude is not a number from -90 to 90: "north"',
      "line 6: 6 columns instead of 79",
      "line 7: a quote is never closed",
      'line 9: room_type is not one of Airbnb\'s: "Castle"',
      'line 10: price is not a price such as $101.00: "ask me"',
      "line 11: A night costs at least 100 minor units of EUR.",
      "line 13: amenities is not a list: \"['Wifi']\"",
    ]);
    expect(outcome.stderr).toContain("Location: Porto, Porto, PT; prices in EUR");
    expect(outcome.stdout).toMatch(/3 {2}published and visible to everyone/);
    expect(outcome.stdout).toMatch(/1 {4}drafts: A published property needs a base price\./);
    expect(outcome.stdout).not.toContain("\u001b");
  });

  it("is what anyone then reads, with host, amenities and photos in one request", async () => {
    const { data } = await anyone()
      .from("properties")
      .select(
        `title, description, property_type, room_type, max_guests, bedrooms, beds, bathrooms, time_zone, booking_mode,
         min_nights, max_nights, max_pets, currency, base_price, country, region, city, neighbourhood,
         host:profiles!host_id(display_name, about, member_since, is_host), amenities(id),
         property_photos(path, external_url, alt_text)`,
      )
      .eq("source_id", "1001")
      .single()
      .throwOnError();
    expect({ ...data, amenities: data.amenities.map(({ id }) => id).sort() }).toEqual({
      title: "Casa do Rio 🏠 & garden",
      description: 'Two floors, 1 < mi from the river.\n\nThe bell says "Rio".',
      property_type: "apartment",
      room_type: "entire_home",
      max_guests: 4,
      bedrooms: 2,
      beds: 3,
      bathrooms: 1.5,
      time_zone: "Europe/Lisbon",
      booking_mode: "instant",
      min_nights: 3,
      max_nights: 1125,
      max_pets: 1,
      currency: "EUR",
      base_price: 110_100,
      country: "PT",
      region: "Porto",
      city: "Porto",
      neighbourhood: "Ribeira",
      host: {
        display_name: "Inês & Tó",
        about: "Born here.\nI bake.",
        member_since: "2015-06-01",
        is_host: true,
      },
      amenities: ["crib", "hair_dryer", "pool_table", "television", "wifi"],
      property_photos: [
        {
          path: null,
          external_url: "https://example.com/pictures/1.jpg",
          alt_text: "Photo of Casa do Rio 🏠 & garden",
        },
      ],
    });
  });

  it("shows a moved point, and the point of the file to no user", async () => {
    const { data } = await anyone()
      .from("properties")
      .select("public_latitude, public_longitude")
      .eq("source_id", "1001")
      .single()
      .throwOnError();
    const north = ((data.public_latitude ?? 0) - 41.1405) * 111_195;
    const east = ((data.public_longitude ?? 0) + 8.613) * 111_195 * Math.cos((41.1405 * Math.PI) / 180);
    expect(Math.hypot(north, east)).toBeGreaterThan(195);
    expect(Math.hypot(north, east)).toBeLessThan(1_000);
    expect((await anyone().from("property_addresses").select()).status).toBe(401);
  });

  it("has hosts who cannot sign in", async () => {
    const hosts = await sql`
      select u.email, u.phone, u.encrypted_password, a.id is not null as has_account
      from auth.users u left join public.accounts a on a.id = u.id where u.raw_app_meta_data ->> 'source' = 'inside-airbnb'`;
    expect([...hosts]).toEqual(
      Array(2).fill({ email: null, phone: null, encrypted_password: null, has_account: true }),
    );
  });

  it("changes nothing when it is run again, and says so", async () => {
    const versions = () => sql`
      select p.id, p.xmin::text, a.xmin::text as address from public.properties p
      join public.property_addresses a on a.property_id = p.id order by p.id`;
    const before = await versions();
    const outcome = await run(detailed, "--neighbourhoods", fixture("neighbourhoods.geojson"));
    expect(counts(outcome, "listings")).toEqual([0, 0, 4, 7]);
    expect(counts(outcome, "hosts")).toEqual([0, 0, 0, 0]);
    expect([...(await versions())]).toEqual([...before]);
  });

  it("updates what has changed, publishes a draft that got its price, and keeps what a file leaves blank", async () => {
    const [{ id } = { id: "" }] = await sql<{ id: string }[]>`
      select id from public.properties where source_id = '1010'`;
    await sql`select public.pause_property(${id})`;
    const priced = changed("listings_detailed.csv", ",,2,365,", ",$75.50,2,365,");
    expect(counts(await run(priced), "listings")).toEqual([0, 1, 3, 7]);
    const [nowPriced] = await sql`select status, base_price from public.properties where source_id = '1002'`;
    expect(nowPriced).toEqual({ status: "published", base_price: "7550" });

    // the first file again: its blank price does not take the price away
    expect(counts(await run(detailed), "listings")).toEqual([0, 0, 4, 7]);
    const [stillPriced] =
      await sql`select status, base_price from public.properties where source_id = '1002'`;
    expect(stillPriced).toEqual({ status: "published", base_price: "7550" });
    const [paused] = await sql`select status from public.properties where id = ${id}`;
    expect(paused).toEqual({ status: "paused" });

    const fewer = changed("listings_detailed.csv", '""Hair dryer"", ', "");
    expect(counts(await run(fewer), "listings")).toEqual([0, 1, 3, 7]);
    const amenities = await sql`
      select a.amenity_id from public.property_amenities a join public.properties p on p.id = a.property_id
      where p.source_id = '1001' order by 1`;
    expect(amenities.map((row) => row.amenity_id)).toEqual(["crib", "pool_table", "television", "wifi"]);
  });

  it("does not change the profile of a person who has taken over an imported host", async () => {
    await sql`
      update auth.users set email = 'ines@example.com'
      where raw_app_meta_data ->> 'source_id' = '501'`;
    await sql`update public.profiles set about = 'My own words.' where display_name = 'Inês & Tó'`;
    expect(counts(await run(detailed), "hosts")).toEqual([0, 0, 0, 0]);
    const [profile] = await sql`select about from public.profiles where display_name = 'Inês & Tó'`;
    expect(profile?.about).toBe("My own words.");
  });
});

describe("a listing far from the others of its file", () => {
  const far = () => {
    const [header = "", first = "", ...rest] = readFileSync(fixture("listings_2019.csv"), "utf8")
      .trim()
      .split("\n");
    const swapped = first.replaceAll("4001", "4005").replace("41.1405,-8.613", "-8.613,41.1405");
    const zero = first.replaceAll("4001", "4006").replace("41.1405,-8.613", "0,0");
    const path = join(folder, "far.csv");
    writeFileSync(path, [header, first, ...rest, swapped, zero].join("\n"));
    return path;
  };
  const status = async () =>
    (
      await sql`select source_id, status from public.properties where source_id like '400_' order by source_id`
    ).map((row) => `${row.source_id} ${row.status}`);
  const rest = ["4001 published", "4002 published", "4003 published"];

  it("stays a draft and is named; the others, of a file of before 2020, are published", async () => {
    const outcome = await run(far());
    expect(counts(outcome, "listings")).toEqual([5, 0, 0, 1]);
    expect(outcome.stderr).toContain(
      'line 6: 4005 "Two rooms by the bridge" at -8.613, 41.1405 is 7,507 km from the median',
    );
    expect(outcome.stderr).toContain(
      'line 7: 4006 "Two rooms by the bridge" at 0, 0 is 4,656 km from the median',
    );
    expect(outcome.stdout).toMatch(/ 2 {2}far from the median of the file: not published/);
    expect(await status()).toEqual([...rest, "4005 draft", "4006 draft"]);
  });

  it("is published with a larger --max-distance, and a known property does not move there", async () => {
    expect(counts(await run(far(), "--max-distance", "5000"), "listings")).toEqual([0, 1, 4, 1]);
    expect(await status()).toEqual([...rest, "4005 draft", "4006 published"]);
    const moved = join(folder, "moved.csv");
    writeFileSync(
      moved,
      readFileSync(fixture("listings_2019.csv"), "utf8").replace("41.1406,-8.6131", "0,0"),
    );
    expect(counts(await run(moved), "listings")).toEqual([0, 0, 3, 1]);
    const [address] = await sql`
      select a.latitude from public.property_addresses a join public.properties p on p.id = a.property_id
      where p.source_id = '4002'`;
    expect(address?.latitude).toBe(41.1406);
  });

  it("needs a distance that is one", async () => {
    for (const text of ["0", "-1", "far"]) {
      const { code, stderr } = await run(detailed, `--max-distance=${text}`);
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining(`--max-distance ${text} is not a positive number`),
      ]);
    }
  });
});

describe("a calendar", () => {
  const dates = async () => ({
    prices: (
      await sql`
        select p.source_id as id, o.starts_on::text, o.ends_on::text, o.price from public.property_date_overrides o
        join public.properties p on p.id = o.property_id order by 1, 2`
    ).map((row) => Object.values(row).join(" ")),
    nights: (
      await sql`
        select p.source_id as id, r.starts_on::text, r.ends_on::text, r.min_nights, r.max_nights
        from public.property_availability_rules r join public.properties p on p.id = r.property_id order by 1, 2`
    ).map((row) => Object.values(row).join(" ")),
    blocks: (
      await sql`
        select p.source_id as id, b.check_in::text, b.check_out::text, b.source from public.external_blocks b
        join public.properties p on p.id = b.property_id order by 1, 2`
    ).map((row) => Object.values(row).join(" ")),
  });

  it("becomes prices, stays and taken nights by ranges of dates; again, it changes nothing", async () => {
    const outcome = await run(detailed, "--calendar", fixture("calendar.csv"));
    expect(outcome.code).toBe(0);
    expect(counts(outcome, "calendars")).toEqual([2, 0, 0, 0]);
    expect(counts(outcome, "days")).toEqual([0, 0, 0, 1]);
    expect(outcome.stderr).toContain('days, line 6: date is not a date such as 2026-01-31: "2027-02-30"');
    expect(outcome.stdout).toMatch(/1 {2}calendars of listings that are not imported/);
    expect(await dates()).toEqual({
      prices: ["1001 2027-05-02 2027-05-05 125000", "1002 2027-05-01 2027-05-02 7000"],
      nights: ["1001 2027-05-03 2027-05-05 5 ", "1001 2027-05-05 2027-05-06  30"],
      blocks: ["1001 2027-05-02 2027-05-04 inside-airbnb"],
    });
    const again = await run(detailed, "--calendar", fixture("calendar.csv"));
    expect(counts(again, "calendars")).toEqual([0, 0, 2, 0]);
  });

  it("replaces the days that it has and no others, and spares what takes the nights here", async () => {
    const [{ id } = { id: "" }] = await sql<{ id: string }[]>`
      select id from public.properties where source_id = '1001'`;
    await sql`insert into public.host_blocks (property_id, check_in, check_out) values (${id}, '2027-05-04', '2027-05-05')`;
    const path = join(folder, "calendar.csv");
    writeFileSync(
      path,
      `listing_id,date,available,price,adjusted_price,minimum_nights,maximum_nights
1001,2027-05-03,f,"$1,300.00",,3,1125
1001,2027-05-04,f,"$1,300.00",,3,1125
`,
    );
    expect(counts(await run(detailed, "--calendar", path), "calendars")).toEqual([1, 0, 0, 0]);
    expect(await dates()).toEqual({
      prices: [
        "1001 2027-05-02 2027-05-03 125000",
        "1001 2027-05-03 2027-05-05 130000",
        "1002 2027-05-01 2027-05-02 7000",
      ],
      nights: ["1001 2027-05-05 2027-05-06  30"],
      blocks: ["1001 2027-05-02 2027-05-03 inside-airbnb", "1001 2027-05-03 2027-05-04 inside-airbnb"],
    });
  });
});

describe("a summary file", () => {
  it("is loaded with what it has; guests are assumed, as said, and rounded ids stay apart", async () => {
    const outcome = await run(fixture("listings_summary.csv"), "--guests", "3");
    expect(counts(outcome, "listings")).toEqual([4, 0, 0, 1]);
    expect(outcome.stdout).toMatch(/4 {2}without a number of guests: assumed 3/);
    const { data } = await anyone()
      .from("properties")
      .select("source_id, title, max_guests, min_nights, max_nights, bedrooms, base_price")
      .in("title", ["Barrel loft, two steps from the cellars", "Tower room", "Cellar room", "No price told"])
      .order("base_price", { ascending: false })
      .throwOnError();
    expect(data).toEqual([
      expect.objectContaining({
        source_id: "2001",
        base_price: 8_500,
        max_guests: 3,
        min_nights: 90,
        max_nights: 90,
      }),
      expect.objectContaining({ source_id: "1002", base_price: 7_550 }),
      expect.objectContaining({ title: "Tower room", base_price: 4_500, max_nights: 31, bedrooms: null }),
      expect.objectContaining({ title: "Cellar room", base_price: 4_000 }),
    ]);
    expect(counts(await run(fixture("listings_summary.csv")), "listings")).toEqual([0, 0, 4, 1]);
  });
});

describe("options", () => {
  it("set location, zone and currency, and amounts follow the currency", async () => {
    const elsewhere = changed("listings_summary.csv", "2001,", "3001,");
    const options = ["--city", "Kobe", "--country", "JP", "--currency", "JPY", "--time-zone", "Asia/Tokyo"];
    await run(elsewhere, ...options);
    const [row] = await sql`
      select city, region, country, currency, base_price, time_zone from public.properties where source_id = '3001'`;
    expect(row).toEqual({
      city: "Kobe",
      region: null,
      country: "JP",
      currency: "JPY",
      base_price: "85",
      time_zone: "Asia/Tokyo",
    });
  });
});

describe("the command refuses", () => {
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr, stdout } = await runImport(config, ...args);
    expect(stderr).toMatch(pattern);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect([code, stdout]).toEqual([1, ""]);
  };
  const file = (content: string) => {
    const path = join(folder, `${Math.random()}.csv`);
    writeFileSync(path, content);
    return path;
  };

  it("a file that is not there, empty, of another format or encoding, or binary", async () => {
    await refused(/The file .*nothing\.csv cannot be read/, "inside-airbnb", "/tmp/nothing.csv");
    await refused(/is empty/, "inside-airbnb", file(""));
    await refused(/is not an Inside Airbnb listings file.*Expected/s, "inside-airbnb", file("a,b\n1,2\n"));
    await refused(/Pass it with --calendar/, "inside-airbnb", fixture("calendar.csv"));
    await refused(/JSON.*--neighbourhoods/s, "inside-airbnb", fixture("neighbourhoods.geojson"));
    await refused(/is not/, "inside-airbnb", file("\u0000\u0001".repeat(2_000_000)));
    const utf16 = join(folder, "utf16.csv");
    writeFileSync(utf16, readFileSync(fixture("listings_summary.csv"), "utf8"), "utf16le");
    await refused(/not text in UTF-8/, "inside-airbnb", utf16);
    await refused(/is not a file/, "inside-airbnb", folder);
  });

  it("a gzipped file that is none, or breaks off", async () => {
    const zipped = join(folder, "listings.csv.gz");
    writeFileSync(zipped, readFileSync(detailed));
    await refused(/listings\.csv\.gz is not gzipped/, "inside-airbnb", zipped);
    writeFileSync(zipped, gzipSync(readFileSync(detailed)).subarray(0, -200));
    await refused(/listings\.csv\.gz is incomplete.*Rows imported so far are kept/s, "inside-airbnb", zipped);
  });

  it("a map and a calendar that are none", async () => {
    await refused(/not a map of neighbourhoods/, "inside-airbnb", detailed, "--neighbourhoods", detailed);
    await refused(/not an Inside Airbnb calendar file/, "inside-airbnb", detailed, "--calendar", detailed);
  });

  it("wrong arguments, with the usage", async () => {
    await refused(/npm run import -- inside-airbnb/);
    await refused(/Unknown source "vrbo"/, "vrbo", detailed);
    await refused(/--colour/, "inside-airbnb", detailed, "--colour", "red");
    await refused(/no currency XXX/, "inside-airbnb", detailed, "--currency", "XXX");
    await refused(/no time zone Mars\/Olympus/, "inside-airbnb", detailed, "--time-zone", "Mars/Olympus");
    await refused(/--guests 0/, "inside-airbnb", detailed, "--guests", "0");
  });

  it("without a database, and says how to start one; a password is never printed", async () => {
    const port = await freePort("outer");
    const none = await runImport({ ports: { ...config.ports, db: port } }, "inside-airbnb", detailed);
    expect(none.stderr).toMatch(
      new RegExp(`No database answers at 127\\.0\\.0\\.1:${port}/postgres.*npm start`, "s"),
    );
    const url = `postgresql://postgres:wrong-secret@127.0.0.1:${config.ports.db}/template1`;
    const other = await run(detailed, "--database-url", url);
    expect(none.code).toBe(1);
    expect(other.code).toBe(1);
    expect(other.stderr).not.toContain("wrong-secret");
  });
});

it("amenities are mapped to ids that the vocabulary has", async () => {
  const ids = (await sql<{ id: string }[]>`select id from public.amenities`).map((row) => row.id);
  expect(mappedAmenities.toSorted()).toEqual(ids.toSorted());
});
