// Compares search, calendar and bookability with reads of a property by primary key, as the same role and in the same run. Ratios
// can be compared between machines, milliseconds cannot.

import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import { day } from "./dates.ts";
import { backendMemory, memoryOfTree, percentile, planFigures, sizeFigures } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { type City, makeMarket, spread } from "./market.ts";

const rounds = 300;

/** @param size number of properties */
export function benchSearch(size = 20_000): Promise<Figure[]> {
  return withTestStack((config) => measureAll(config, size));
}

async function measureAll(config: StackConfig, size: number): Promise<Figure[]> {
  const admin = openDatabase(config, "supabase_admin");
  const anon = openDatabase(config, "supabase_admin", { connection: { role: "anon" } });
  try {
    const cities = await makeMarket(admin, size);
    const { times, rows } = await measure(anon, admin, cities);
    const [largest] = cities;
    if (largest === undefined) throw new Error("no cities");
    return [
      ...figures(times, rows, size),
      ...(await planFigures(
        config,
        (sql) => search(sql, around(largest, 30), { checkIn: day(60), checkOut: day(63) }, 2),
        ["property_search", "occupancies"],
      )),
      ...(await sizeFigures(admin, ["private.property_search", "private.price_spans", "public.occupancies"])),
      await backendMemory(anon),
      {
        name: "memory of the stack and this benchmark",
        value: memoryOfTree(process.pid, config),
        unit: "MB",
      },
    ];
  } finally {
    await Promise.all([anon.end(), admin.end()]);
  }
}

type Shape = keyof typeof budgets;

/** Budgets in reads by primary key, up to 200,000 properties: [median, 95th percentile]; undefined where there is no target. */
const budgets = {
  "viewport of 4 km": undefined,
  "viewport of 30 km": [15, 60],
  "viewport of 100 properties": undefined,
  "within 5 km, by distance": undefined,
  "viewport of 30 km, no dates": undefined,
  "count, capped, in 30 km": undefined,
  "calendar of 400 days": undefined,
  bookability: undefined,
} as const;

type Measured = Record<Shape | "floor", number[]>;

/** Measures the milliseconds and the number of rows of each query. */
async function measure(anon: Sql, admin: Sql, cities: City[]): Promise<{ times: Measured; rows: Measured }> {
  const ids = (
    await admin<{ id: string }[]>`select id from private.bench_properties order by n limit 5000`
  ).map(({ id }) => id);
  const random = mulberry32(7);
  const pick = <T>(list: T[]) => list[Math.floor(random() * list.length)] as T;
  const none = () =>
    Object.fromEntries(["floor", ...Object.keys(budgets)].map((name) => [name, [] as number[]])) as Measured;
  const [times, rows] = [none(), none()];
  const time = async (name: Shape | "floor", run: () => Promise<readonly unknown[]>) => {
    const since = performance.now();
    const { length } = await run();
    times[name].push(performance.now() - since);
    rows[name].push(length);
  };

  for (let round = 0; round < rounds + 20; round += 1) {
    // all queries in each round, so that other load on the machine affects all of them
    const city = weighted(cities, random);
    const ahead = 10 + Math.floor(random() * 250);
    const stay = { checkIn: day(ahead), checkOut: day(ahead + 2 + Math.floor(random() * 5)) };
    const guests = 1 + Math.floor(random() * 4);
    const near = {
      latitude: city.latitude + (random() - 0.5) * 0.05,
      longitude: city.longitude + (random() - 0.5) * 0.05,
    };
    const density = city.properties / (2 * Math.PI * spread ** 2);
    const viewport = (km: number, at = near) => search(anon, around(at, km), stay, guests);
    // discard the warm-up
    if (round === 20) for (const list of [times, rows].flatMap(Object.values<number[]>)) list.length = 0;
    await time(
      "floor",
      () => anon`select id, title, base_price from public.properties where id = ${pick(ids)}`,
    );
    await time("viewport of 4 km", () => viewport(4));
    await time("viewport of 30 km", () => viewport(30, city));
    await time("viewport of 100 properties", () => viewport(Math.min(40, Math.sqrt(100 / density)), city));
    await time(
      "within 5 km, by distance",
      () => anon`select * from public.search_properties(p_latitude => ${near.latitude}, p_longitude => ${near.longitude}, p_radius => 5000,
        p_check_in => ${stay.checkIn}, p_check_out => ${stay.checkOut}, p_adults => ${guests})`,
    );
    await time("viewport of 30 km, no dates", () =>
      search(anon, around(city, 30), { checkIn: null, checkOut: null }, guests),
    );
    await time("count, capped, in 30 km", () => {
      const { west, south, east, north } = around(city, 30);
      return anon`select * from public.count_properties(p_west => ${west}, p_south => ${south}, p_east => ${east}, p_north => ${north},
        p_check_in => ${stay.checkIn}, p_check_out => ${stay.checkOut}, p_adults => ${guests}, p_currency => 'EUR', p_max_price => 20000, p_amenities => '{wifi,shampoo}')`;
    });
    await time(
      "calendar of 400 days",
      () => anon`select * from public.property_calendar(${pick(ids)}, ${day(0)}, ${day(400)})`,
    );
    await time(
      "bookability",
      () => anon`select public.bookability(${pick(ids)}, ${stay.checkIn}, ${stay.checkOut}, ${guests})`,
    );
  }
  return { times, rows };
}

function search(
  anon: Sql,
  { west, south, east, north }: ReturnType<typeof around>,
  { checkIn, checkOut }: { checkIn: string | null; checkOut: string | null },
  guests: number,
): Promise<readonly unknown[]> {
  return anon`select * from public.search_properties(p_west => ${west}, p_south => ${south}, p_east => ${east}, p_north => ${north},
    p_check_in => ${checkIn}, p_check_out => ${checkOut}, p_adults => ${guests}, p_currency => 'EUR', p_max_price => 20000, p_amenities => '{wifi,shampoo}')`;
}

function figures(times: Measured, rows: Measured, size: number): Figure[] {
  const floor = percentile(times.floor, 50);
  return [
    { name: "read by primary key, median", value: floor, unit: "ms" },
    // shows how noisy the machine was
    { name: "read by primary key, p95", value: percentile(times.floor, 95) / floor, unit: "reads" },
    { name: "read by primary key, p99", value: percentile(times.floor, 99) / floor, unit: "reads" },
    ...(Object.keys(budgets) as Shape[]).flatMap((name) => [
      ...[50, 95, 99].map((p, index): Figure => {
        const budget = size > 200_000 ? undefined : budgets[name]?.[index];
        return {
          name: `${name}, p${p}`,
          value: percentile(times[name], p) / floor,
          unit: "reads",
          ...(budget === undefined ? {} : { budget }),
        };
      }),
      { name: `${name}, answer`, value: percentile(rows[name], 50), unit: "rows, median" },
    ]),
  ];
}

/** A box around a point, with sides of `km` kilometres. */
function around({ latitude, longitude }: { latitude: number; longitude: number }, km: number) {
  const [dLat, dLng] = [km / 2 / 111.2, km / 2 / (111.2 * Math.cos((latitude * Math.PI) / 180))];
  return { west: longitude - dLng, south: latitude - dLat, east: longitude + dLng, north: latitude + dLat };
}

/** Picks a city, weighted by its number of properties. */
function weighted(cities: City[], random: () => number): City {
  let rest = random() * cities.reduce((sum, { properties }) => sum + properties, 0);
  for (const city of cities) {
    rest -= city.properties;
    if (rest < 0) return city;
  }
  return cities[0] as City;
}

/** A seeded random number generator, of numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
