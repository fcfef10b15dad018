// A real city, where the data is: ../shared/data beside the project, or the folder that STAYBASE_DATA names. Where it is
// missing, the same is asked of the project's own fixture; which of the two it was is printed.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import type { Database } from "../../../types/database.ts";
import { node, program, root, withFiles } from "../readme-support.ts";
import { counts, fixture, runImport } from "./command.ts";

const folder = join(process.env.STAYBASE_DATA ?? join(projectRoot, "../shared/data"), "inside-airbnb");
const real = existsSync(folder);
console.log(
  `import: tested on ${real ? folder : "the project's fixture (no ../shared/data, no STAYBASE_DATA)"}`,
);
const data = real
  ? {
      summary: join(folder, "asheville_2022-09_listings_summary.csv"),
      map: join(folder, "asheville_neighbourhoods.geojson"),
      detailed: join(folder, "austin_2025-06-13_listings_detailed_79col_3rows.csv"),
      calendar: join(folder, "calendar_head.csv"),
      loaded: 3_009,
      skipped: 0,
      published: 3_009,
      detailedLoaded: 3,
      calendarsUnknown: 2,
      corners: { p_west: -82.7, p_south: 35.4, p_east: -82.4, p_north: 35.7 },
    }
  : {
      summary: fixture("listings_summary.csv"),
      map: fixture("neighbourhoods.geojson"),
      detailed: fixture("listings_detailed.csv"),
      calendar: fixture("calendar.csv"),
      loaded: 4,
      skipped: 1,
      published: 3,
      detailedLoaded: 4,
      calendarsUnknown: 1,
      corners: { p_west: -8.7, p_south: 41.1, p_east: -8.5, p_north: 41.2 },
    };

const config = await testConfig({ seed: true });
let stack: Stack;

beforeAll(async () => {
  stack = await startStack(config);
});
afterAll(async () => {
  await stack?.stop();
  removeTestData(config);
});

it("is loaded in seconds, unchanged when it is run again", { timeout: 180_000 }, async () => {
  const since = performance.now();
  const args = ["inside-airbnb", data.summary, "--neighbourhoods", data.map];
  const outcome = await runImport(config, ...args);
  const seconds = (performance.now() - since) / 1_000;
  console.log(`import: ${data.loaded} listings in ${seconds.toFixed(1)} s`);
  expect(counts(outcome, "listings")).toEqual([data.loaded, 0, 0, data.skipped]);
  // promised are 10; here other tests and other people share the machine, and a bound that they break tells nothing
  expect(seconds).toBeLessThan(60);
  expect(counts(await runImport(config, ...args), "listings")).toEqual([0, 0, data.loaded, data.skipped]);
});

it("is read by anyone, with host, amenities and photos in one request", async () => {
  const client = createClient<Database>(config.apiUrl, config.keys.publishable, {
    auth: { persistSession: false },
  });
  const page = async (from: number) =>
    client
      .from("properties")
      .select(
        "source_id, title, base_price, public_latitude, host:profiles!host_id(display_name, is_host), amenities(id), property_photos(external_url)",
        { count: "exact" },
      )
      .eq("source", "inside-airbnb")
      .order("id")
      .range(from, from + 999)
      .throwOnError();
  const first = await page(0);
  expect(first.count).toBe(data.published);
  const rows = [...first.data];
  while (rows.length < data.published) rows.push(...(await page(rows.length)).data);
  expect(new Set(rows.map((row) => row.source_id)).size).toBe(data.published);
  for (const row of rows) {
    expect(row.title).toMatch(/\S/);
    expect(row.base_price).toBeGreaterThan(0);
    expect(row.public_latitude).not.toBeNull();
    expect(row.host.is_host).toBe(true);
    expect([row.amenities, row.property_photos]).toEqual([[], []]);
  }
});

it("is searched, booked, paid and given back as the guide does it", { timeout: 60_000 }, async () => {
  let script = program("docs/guide/book.md", "book.ts", config);
  for (const [name, corner] of Object.entries(data.corners)) {
    expect(script).toContain(`${name}: `);
    script = script.replace(new RegExp(`${name}: [-.\\d]+`), `${name}: ${corner}`);
  }
  const file = `try-import-${process.pid}.ts`;
  const { stdout } = await withFiles({ [file]: script }, () => node([join(root, file)]));
  expect(stdout).toContain("awaiting_payment true\nstill offered: false");
  expect(stdout).toContain("true offered again: true");
  expect(stdout).toMatch(/^refunded [1-9]\d*$/m);
});

it("comes in detailed files and calendars too", async () => {
  const outcome = await runImport(config, "inside-airbnb", data.detailed, "--calendar", data.calendar);
  expect(outcome.code).toBe(0);
  expect(counts(outcome, "listings")[0]).toBe(data.detailedLoaded);
  expect(outcome.stdout).toContain(`${data.calendarsUnknown}  calendars of listings that are not imported`);
});
