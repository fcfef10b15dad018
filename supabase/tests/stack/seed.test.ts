// The sample data of `npm start`: people who can sign in, and 34 properties with photos, in a stack that begins with the seed.

import { createClient } from "@supabase/supabase-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import type { Database } from "../../../types/database.ts";

const config = await testConfig({ seed: true });
let stack: Stack;

beforeAll(async () => {
  stack = await startStack(config);
});
afterAll(async () => {
  await stack?.stop();
  removeTestData(config);
});

const client = () =>
  createClient<Database>(config.apiUrl, config.keys.publishable, {
    auth: { persistSession: false, autoRefreshToken: false },
  });

it("shows 32 published properties in two cities and currencies, with host, amenities and photos in one request", async () => {
  const { data } = await client()
    .from("properties")
    .select(
      "city, currency, host:profiles!host_id(display_name, is_host), amenities(id), property_photos(path)",
    )
    .throwOnError();
  const kinds = data.map(({ city, currency }) => `${city} ${currency}`).sort();
  expect([...new Set(kinds)]).toEqual(["Kyoto JPY", "Lisboa EUR"]);
  expect(kinds).toHaveLength(32);
  for (const { host, amenities, property_photos } of data) {
    expect(host.is_host).toBe(true);
    expect(amenities.length).toBeGreaterThanOrEqual(6);
    expect(property_photos).toHaveLength(2);
  }
  const paths = data.flatMap(({ property_photos }) => property_photos.map(({ path }) => path));
  for (const path of paths) {
    const response = await fetch(`${config.apiUrl}/storage/v1/object/public/property-photos/${path}`);
    const head = Buffer.from(await response.arrayBuffer()).subarray(0, 4);
    expect([response.status, response.headers.get("content-type"), head.toString("latin1")]).toEqual([
      200,
      "image/png",
      "\x89PNG",
    ]);
  }
});

it("has a guesthouse with three units, which guests book together or apart", async () => {
  const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
  const { data } = await client()
    .rpc("search_properties", {
      p_area: "Kyoto",
      p_check_in: day(40),
      p_check_out: day(42),
      p_adults: 3,
      p_units: 3,
    })
    .throwOnError();
  expect(data.map(({ title, units_left }) => [title, units_left])).toEqual([
    ["Kamo river inn, one of three rooms", 3],
  ]);
});

it("has a house whose rooms take its nights, and a room with a feed that was read", async () => {
  const [house, street, courtyard] = [31, 32, 33].map((n) => `5eed0000-0000-4000-8000-0000000001${n}`);
  const kenji = client();
  await kenji.auth.signInWithPassword({ email: "kenji@example.com", password: "staybase" });
  const { data: feeds } = await kenji
    .from("calendar_feeds")
    .select("property_id, channel, is_paused, events, echoes, last_error")
    .throwOnError();
  // No worker asks for it: an address has to be public here as in production.
  expect(feeds).toEqual([
    { property_id: street, channel: "airbnb", is_paused: true, events: 3, echoes: 0, last_error: null },
  ]);
  const { data: blocks } = await kenji
    .from("external_blocks")
    .select("check_in, check_out")
    .order("check_in")
    .limit(1)
    .throwOnError();
  const stay = {
    p_check_in: blocks[0]?.check_in ?? "",
    p_check_out: blocks[0]?.check_out ?? "",
    p_adults: 1,
  };
  const isTaken = async (id = "") =>
    JSON.stringify(
      (
        await client()
          .rpc("bookability", { p_property_id: id, ...stay })
          .throwOnError()
      ).data,
    ).includes('"occupied"');
  expect(await Promise.all([house, street, courtyard].map(isTaken))).toEqual([true, true, false]);
});

it("lets hosts, guests and the operator sign in", async () => {
  const seen: Record<string, number> = {};
  for (const name of ["ana", "rui", "yuki", "kenji", "gita", "tom", "olga"]) {
    const supabase = client();
    const { error } = await supabase.auth.signInWithPassword({
      email: `${name}@example.com`,
      password: "staybase",
    });
    expect(error).toBeNull();
    const { count } = await supabase
      .from("properties")
      .select("id", { count: "exact", head: true })
      .throwOnError();
    seen[name] = count ?? 0;
  }
  // Yuki has a draft, Kenji a paused property; the operator sees all.
  expect(seen).toEqual({ ana: 32, rui: 32, yuki: 33, kenji: 33, gita: 32, tom: 32, olga: 34 });
});
