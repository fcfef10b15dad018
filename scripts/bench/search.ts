// Compares search, calendar and bookability with reads of a property by primary key, in processor time of the server, as the same role
// and in the same run. Ratios can be compared between machines, milliseconds cannot.

import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import { cpuTimes } from "./cpu.ts";
import { day } from "./dates.ts";
import { backendMemory, memoryOfTree, percentile, planFigures, sizeFigures } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { type City, makeMarket, spread } from "./market.ts";
import { around, mulberry32, type SearchArguments, searchWith, weighted } from "./search-arguments.ts";

const measured = 100;
const warmUp = 15;

/** The number of properties of the city in which shapes of "equal results" search, whatever the size of the market. */
const equalCity = 800;

/**
 * Measures a market of `size` properties; above 20,000 in turn with one of a tenth, and how much more the same costs in the larger one.
 *
 * @param size number of properties
 */
export async function benchSearch(size = 20_000): Promise<Figure[]> {
  if (size <= 20_000) {
    return withMarket(size, async (market) => {
      await measureInTurn([market]);
      return figuresOf(market);
    });
  }
  return withMarket(size / 10, (small) =>
    withMarket(size, async (large) => {
      // one after the other would compare how busy the machine was
      await measureInTurn([small, large]);
      const growth = (Object.keys(shapes) as Shape[]).flatMap((name): Figure[] => {
        const { isEqual }: Target = shapes[name];
        if (!isEqual) return [];
        const value = percentile(large.times[name], 50) / percentile(small.times[name], 50);
        return [{ name: `${name}, growth`, value, unit: "times", budget: 1.6 }];
      });
      return [...(await figuresOf(large)), ...growth];
    }),
  );
}

interface Target {
  /** The largest median, in reads by primary key, of markets up to 200,000 properties. */
  reads?: number;
  /** Whether its results are as many in every market, so that it must cost the same. */
  isEqual?: true;
}

const shapes = {
  "viewport of 4 km": {},
  "viewport of 30 km": { reads: 30 },
  "viewport of 30 km, no dates": {},
  "viewport of 100 properties": { isEqual: true },
  "viewport of the largest city": {},
  "largest city by name": { reads: 60 },
  "a city by name, equal results": { isEqual: true },
  "country by name": { reads: 80 },
  "whole world": { reads: 80, isEqual: true },
  "whole world by rating": { reads: 80, isEqual: true },
  "whole world, two currencies": { reads: 80, isEqual: true },
  "whole world, nothing found": { reads: 80 },
  "largest city by rating": { reads: 60 },
  "largest city, recommended": { reads: 60 },
  "a city by rating, equal results": { isEqual: true },
  "a city, recommended, equal results": { isEqual: true },
  "common words in the largest city": { reads: 120 },
  "common words in a city, equal results": { isEqual: true },
  "common words, whole world": { reads: 120, isEqual: true },
  "words of expensive properties, largest city": {},
  "words of expensive properties, equal results": { reads: 120, isEqual: true },
  "words of expensive properties, whole world": {},
  "rare words, whole world": {},
  "within 5 km, by distance": {},
  "within 25 km, by distance": { reads: 100 },
  "within 25 km of a city, equal results": { isEqual: true },
  "facets of the largest city": { reads: 250 },
  "facets of a city, equal results": { isEqual: true },
  "count in the largest city": { reads: 120 },
  "count in a city, equal results": { isEqual: true },
  "calendar of 400 days": {},
  bookability: {},
} as const satisfies Record<string, Target>;

type Shape = keyof typeof shapes;
type Measured = Record<Shape | "floor", number[]>;

interface Market {
  config: StackConfig;
  size: number;
  admin: Sql;
  /** One connection, whose processor time is measured. */
  anon: Sql;
  cities: City[];
  /** Processor time in milliseconds, and rows, of each query. */
  times: Measured;
  rows: Measured;
}

/** Runs `use` with a market on a stack of its own. */
function withMarket<T>(size: number, use: (market: Market) => Promise<T>): Promise<T> {
  return withTestStack(async (config) => {
    const admin = openDatabase(config, "supabase_admin");
    const anon = openDatabase(config, "supabase_admin", { max: 1, connection: { role: "anon" } });
    try {
      const cities = await makeMarket(admin, size);
      return await use({ config, size, admin, anon, cities, times: nothing(), rows: nothing() });
    } finally {
      await Promise.all([anon.end(), admin.end()]);
    }
  });
}

function nothing(): Measured {
  return Object.fromEntries(
    ["floor", ...Object.keys(shapes)].map((name) => [name, [] as number[]]),
  ) as Measured;
}

async function figuresOf({ config, size, admin, anon, cities, times, rows }: Market): Promise<Figure[]> {
  const largest = cities[0] as City;
  return [
    ...timeFigures(times, rows, size),
    ...(await planFigures(
      config,
      (sql) => searchWith(sql, { ...around(largest, 30), ...stayAt(60, 3), p_adults: 2, ...usual }),
      ["property_search", "occupancies"],
    )),
    ...(await sizeFigures(admin, [
      "private.property_search",
      "private.search_areas",
      "private.search_tiles",
      "private.price_spans",
      "public.occupancies",
    ])),
    await backendMemory(anon),
    {
      name: "memory of the stack and this benchmark",
      value: memoryOfTree(process.pid, config),
      unit: "MB",
    },
  ];
}

const usual: SearchArguments = { p_currency: "EUR", p_max_price: 20_000, p_amenities: ["wifi", "shampoo"] };
const world: SearchArguments = { p_west: -180, p_south: -90, p_east: 180, p_north: 90 };

function stayAt(ahead: number, nights: number): SearchArguments {
  return { p_check_in: day(ahead), p_check_out: day(ahead + nights) };
}

/** Fills times and rows of the markets, one round of each after the other. */
async function measureInTurn(markets: Market[]): Promise<void> {
  const rounds = await Promise.all(markets.map(createRound));
  for (let number = 0; number < measured + warmUp; number += 1)
    for (const [index, round] of rounds.entries()) {
      const { times, rows } = markets[index] as Market;
      // discard the warm-up
      if (number === warmUp)
        for (const list of [times, rows].flatMap(Object.values<number[]>)) list.length = 0;
      await round();
    }
}

/** All queries once, so that other load on the machine affects all of them. */
async function createRound({ anon, admin, cities, times, rows }: Market): Promise<() => Promise<void>> {
  const ids = (
    await admin<{ id: string }[]>`select id from private.bench_properties order by n limit 5000`
  ).map(({ id }) => id);
  const random = mulberry32(7);
  const pick = <T>(list: T[]) => list[Math.floor(random() * list.length)] as T;
  const time = async (name: Shape | "floor", run: () => Promise<readonly unknown[]>) => {
    let length = 0;
    const [used] = await cpuTimes(anon, [async () => ({ length } = await run())]);
    times[name].push(used ?? Number.NaN);
    rows[name].push(length);
  };

  const largest = cities[0] as City;
  const distance = ({ properties }: City) => Math.abs(properties - equalCity);
  const equal = cities.toSorted((a, b) => distance(a) - distance(b))[0] as City;
  const nearby = ({ latitude, longitude }: City) => ({
    latitude: latitude + (random() - 0.5) * 0.05,
    longitude: longitude + (random() - 0.5) * 0.05,
  });
  const circle = (city: City, metres: number): SearchArguments => {
    const { latitude, longitude } = nearby(city);
    return { p_latitude: latitude, p_longitude: longitude, p_radius: metres };
  };
  return async () => {
    const city = weighted(cities, random);
    const ahead = 10 + Math.floor(random() * 250);
    const [checkIn, checkOut, guests] = [
      day(ahead),
      day(ahead + 2 + Math.floor(random() * 5)),
      1 + Math.floor(random() * 4),
    ];
    const stay: SearchArguments = { p_check_in: checkIn, p_check_out: checkOut, p_adults: guests };
    const found = (...parts: SearchArguments[]) =>
      searchWith(anon, Object.assign({}, stay, usual, ...parts) as SearchArguments);
    // a page that is full, with filters that most homes pass
    const full = (...parts: SearchArguments[]) =>
      searchWith(anon, Object.assign({}, stay, { p_amenities: ["wifi"] }, ...parts) as SearchArguments);
    const density = city.properties / (2 * Math.PI * spread ** 2);
    await time(
      "floor",
      () => anon`select id, title, base_price from public.properties where id = ${pick(ids)}`,
    );
    await time("viewport of 4 km", () => found(around(nearby(city), 4)));
    await time("viewport of 30 km", () => found(around(city, 30)));
    await time("viewport of 30 km, no dates", () =>
      found(around(city, 30), { p_check_in: null, p_check_out: null }),
    );
    await time("viewport of 100 properties", () =>
      found(around(city, Math.min(40, Math.sqrt(100 / density)))),
    );
    await time("viewport of the largest city", () => full(around(largest, 30)));
    await time("largest city by name", () => full({ p_area: `City ${largest.id}` }));
    await time("a city by name, equal results", () => full({ p_area: `City ${equal.id}` }));
    await time("country by name", () => full({ p_area: pick(["PT", "ES", "FR", "DE"]) }));
    await time("whole world", () => full(world));
    await time("whole world by rating", () => full(world, { p_sort: "rating" }));
    await time("whole world, two currencies", () => full(world, { p_currency: "USD", p_max_price: 30_000 }));
    await time("whole world, nothing found", () => full(world, stayAt(700, 3)));
    await time("largest city by rating", () => full(around(largest, 30), { p_sort: "rating" }));
    await time("largest city, recommended", () => full(around(largest, 30), { p_sort: "recommended" }));
    await time("a city by rating, equal results", () => full(around(equal, 30), { p_sort: "rating" }));
    await time("a city, recommended, equal results", () =>
      full(around(equal, 30), { p_sort: "recommended" }),
    );
    await time("common words in the largest city", () =>
      full({ p_area: `City ${largest.id}`, p_text: "quiet garden" }),
    );
    await time("common words in a city, equal results", () =>
      full({ p_area: `City ${equal.id}`, p_text: "quiet garden" }),
    );
    await time("common words, whole world", () => full(world, { p_text: "quiet garden" }));
    await time("words of expensive properties, largest city", () =>
      full({ p_area: `City ${largest.id}`, p_text: "panorama garden" }),
    );
    await time("words of expensive properties, equal results", () =>
      full({ p_area: `City ${equal.id}`, p_text: "panorama garden" }),
    );
    await time("words of expensive properties, whole world", () =>
      full(world, { p_text: "panorama garden" }),
    );
    await time("rare words, whole world", () => full(world, { p_text: "lighthouse" }));
    await time("within 5 km, by distance", () => found(circle(city, 5_000)));
    await time("within 25 km, by distance", () => found(circle(largest, 25_000)));
    await time("within 25 km of a city, equal results", () => found(circle(equal, 25_000)));
    await time("facets of the largest city", () => full(around(largest, 30), { function: "search_facets" }));
    await time("facets of a city, equal results", () =>
      full(around(equal, 30), { function: "search_facets" }),
    );
    await time("count in the largest city", () =>
      full(around(largest, 30), { function: "count_properties" }),
    );
    await time("count in a city, equal results", () =>
      full(around(equal, 30), { function: "count_properties" }),
    );
    await time(
      "calendar of 400 days",
      () => anon`select * from public.property_calendar(${pick(ids)}, ${day(0)}, ${day(400)})`,
    );
    await time(
      "bookability",
      () => anon`select public.bookability(${pick(ids)}, ${checkIn}, ${checkOut}, ${guests})`,
    );
  };
}

function timeFigures(times: Measured, rows: Measured, size: number): Figure[] {
  const floor = percentile(times.floor, 50);
  return [
    { name: "read by primary key, median", value: floor, unit: "ms" },
    // shows how noisy the machine was
    { name: "read by primary key, p95", value: percentile(times.floor, 95) / floor, unit: "reads" },
    ...(Object.keys(shapes) as Shape[]).flatMap((name): Figure[] => {
      const { reads }: Target = shapes[name];
      const budget = size > 200_000 ? undefined : reads;
      return [
        {
          name: `${name}, median`,
          value: percentile(times[name], 50) / floor,
          unit: "reads",
          ...(budget === undefined ? {} : { budget }),
        },
        { name: `${name}, p95`, value: percentile(times[name], 95) / floor, unit: "reads" },
        { name: `${name}, answer`, value: percentile(rows[name], 50), unit: "rows, median" },
      ];
    }),
  ];
}
