// Privacy of a property's location: visitors get one public point, and no request reveals the exact one.

import { beforeAll, describe, expect, it } from "vitest";
import { anonymous, type Caller, request } from "../support/clients.ts";
import { type Person, signUp } from "../support/people.ts";
import { changeAddress, createPublished, exactAddress } from "../support/properties.ts";

let ana: Person;
let ben: Person;
let property: string;

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  property = await createPublished(ana);
});

/** Parts of the exact address, which only Ana may read. */
const secrets = [exactAddress.line1, "38.7079", "9.1366", exactAddress.postal_code];

/** Metres between two points. */
const distance = (lat: number, lng: number, from: { latitude: number; longitude: number } = exactAddress) => {
  const radians = Math.PI / 180;
  const x = (lng - from.longitude) * radians * Math.cos(from.latitude * radians);
  return 6_371_000 * Math.hypot(x, (lat - from.latitude) * radians);
};

/** Sends a request to REST and returns status, headers and body as text. */
async function ask(caller: Caller, path: string, init: RequestInit = {}): Promise<string> {
  const response = await request(caller, `/rest/v1/${path}`, init);
  return `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`;
}

it("a thousand reads return one public point, 200 m to 1 km away", async () => {
  const points = new Set<string>();
  for (let round = 0; round < 50; round++) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        ask(index % 2 === 0 ? undefined : ben, `properties?id=eq.${property}`),
      ),
    );
    for (const answer of answers) {
      const point = /"public_latitude":([-\d.]+),"public_longitude":([-\d.]+)/.exec(answer);
      points.add(`${point?.[1]},${point?.[2]}`);
    }
  }
  expect(points.size).toBe(1);
  const [lat, lng] = [...points][0]?.split(",").map(Number) ?? [];
  expect(distance(lat ?? 0, lng ?? 0)).toBeGreaterThan(199);
  expect(distance(lat ?? 0, lng ?? 0)).toBeLessThan(1000);
});

it("no answer to a stranger contains the exact location", async () => {
  const address = JSON.stringify({ property_id: property, ...exactAddress, latitude: 1, longitude: 1 });
  const requests: [string, RequestInit?][] = [
    [`properties?id=eq.${property}&select=*,property_addresses(*)`],
    [`properties?select=*,property_addresses!inner(latitude)&property_addresses.latitude=gt.0`],
    [`property_addresses?property_id=eq.${property}`],
    ["property_addresses?order=latitude"],
    [
      "property_addresses?select=latitude&latitude=gt.38&longitude=lt.-9",
      { headers: { prefer: "count=exact" } },
    ],
    ["property_addresses?or=(latitude.gt.0,latitude.lte.0)"],
    ["property_addresses", { method: "POST", body: address, headers: { prefer: "return=representation" } }],
    [
      "property_addresses",
      { method: "POST", body: address, headers: { prefer: "resolution=merge-duplicates" } },
    ],
    ["property_addresses?latitude=gt.0", { method: "PATCH", body: '{"latitude": 1000}' }],
    ["property_addresses?latitude=gt.0", { method: "DELETE", headers: { prefer: "return=representation" } }],
    [
      "property_addresses",
      { headers: { accept: "application/vnd.pgrst.plan+json; options=analyze|verbose" } },
    ],
    ["rpc/export_my_data", { method: "POST", body: "{}" }],
    ["rpc/publish_property", { method: "POST", body: JSON.stringify({ p_property_id: property }) }],
    ["rpc/public_point", { method: "POST", body: "{}" }],
    ["settings"],
  ];
  for (const person of [undefined, ben]) {
    for (const [path, init] of requests) {
      // The public point may begin with the same digits by chance.
      const answer = (await ask(person, path, init)).replaceAll(/"public_\w+":[-\d.]+/g, "");
      for (const secret of secrets) expect(answer, `${init?.method ?? "GET"} ${path}`).not.toContain(secret);
    }
  }
  const { data } = await ana.client.from("property_addresses").select().eq("property_id", property).single();
  expect(data).toMatchObject(exactAddress);
});

it("no filter, order or count reveals where the property is", async () => {
  const ranges = [
    "latitude=gt.38&latitude=lt.39",
    "latitude=gt.-10&latitude=lt.-9",
    `line1=eq.${exactAddress.line1}`,
  ];
  for (const count of ["exact", "planned", "estimated"]) {
    const answers = await Promise.all(
      ranges.slice(0, 2).map(async (range) => {
        const prefer = { headers: { prefer: `count=${count}` } };
        return ask(ben, `property_addresses?select=property_id&${range}`, prefer);
      }),
    );
    const [here, there] = answers.map((answer) => /content-range","([^"]+)"/.exec(answer)?.[1]);
    expect(here).toBe(there);
  }
  const orders = ["asc", "desc"].map(async (direction) => {
    const path = `properties?select=id&order=property_addresses(latitude).${direction},id.asc&limit=100`;
    return (await ask(ben, path)).replace(/^.*?\]\] /, "");
  });
  const [up, down] = await Promise.all(orders);
  expect(up).toBe(down);
});

it("edits that do not move the property do not move its public point", async () => {
  const read = async () =>
    (
      await anonymous()
        .from("properties")
        .select("public_latitude, public_longitude, city, neighbourhood")
        .eq("id", property)
        .single()
        .throwOnError()
    ).data;
  const before = await read();
  await changeAddress(ana, property, { line2: "Back door", neighbourhood: "Alfama" });
  await ana.client.from("properties").update({ title: "Another title" }).eq("id", property).throwOnError();
  expect(await read()).toEqual({ ...before, neighbourhood: "Alfama" });
});

describe("search", () => {
  /** A rock in the Atlantic, where no other test has properties. */
  const rock = { latitude: 0.9169, longitude: -29.3453 };
  let lodge: string;

  beforeAll(async () => {
    lodge = await createPublished(ana);
    await changeAddress(ana, lodge, rock);
  });

  const search = async (area: Record<string, unknown>) => {
    const { data } = await anonymous()
      .rpc("search_properties", { ...area, p_limit: 50 })
      .throwOnError();
    return data.find((row) => row.property_id === lodge);
  };
  const around = ({ latitude, longitude }: { latitude: number; longitude: number }, p_radius: number) => ({
    p_latitude: latitude,
    p_longitude: longitude,
    p_radius,
  });
  const publicPoint = async () => {
    const { data } = await anonymous()
      .from("properties")
      .select("latitude:public_latitude, longitude:public_longitude")
      .eq("id", lodge)
      .single()
      .throwOnError();
    return { latitude: Number(data.latitude), longitude: Number(data.longitude) };
  };

  it("finds a property at its public point, and not at its exact location", async () => {
    expect(await search(around(rock, 190))).toBeUndefined();
    const { latitude, longitude } = rock;
    const box = { p_west: longitude - 1e-3, p_south: latitude - 1e-3, p_east: longitude + 1e-3 };
    expect(await search({ ...box, p_north: latitude + 1e-3 })).toBeUndefined();
    const found = await search(around(await publicPoint(), 20));
    expect(found?.distance).toBeLessThanOrEqual(1);
  });

  it("measures distances to the public point, so that they cannot reveal the exact location", async () => {
    const there = await publicPoint();
    for (const [north, east] of [
      [0.02, 0],
      [0, 0.02],
      [-0.015, -0.015],
      [0.001, -0.03],
    ] as const) {
      const centre = { latitude: rock.latitude + north, longitude: rock.longitude + east };
      const expected = distance(there.latitude, there.longitude, centre);
      const found = await search({ ...around(centre, 10_000), p_sort: "distance" });
      expect(found?.distance).toBeGreaterThan(expected - 2);
      expect(found?.distance).toBeLessThan(expected + 2);
      // A radius reveals the same distance.
      expect(await search(around(centre, expected - 3))).toBeUndefined();
      expect(await search(around(centre, expected + 3))).toBeDefined();
    }
  });
});
