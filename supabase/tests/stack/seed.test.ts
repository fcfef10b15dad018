// The sample data of `npm start`: people who can sign in, and thirty properties with photos, in a stack that begins with the seed.

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

it("shows 28 published properties in two cities and currencies, with host, amenities and photos in one request", async () => {
  const { data } = await client()
    .from("properties")
    .select(
      "city, currency, host:profiles!host_id(display_name, is_host), amenities(id), property_photos(path)",
    )
    .throwOnError();
  const kinds = data.map(({ city, currency }) => `${city} ${currency}`).sort();
  expect([...new Set(kinds)]).toEqual(["Kyoto JPY", "Lisboa EUR"]);
  expect(kinds).toHaveLength(28);
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
  expect(seen).toEqual({ ana: 28, rui: 28, yuki: 29, kenji: 29, gita: 28, tom: 28, olga: 30 });
});
