// The arguments of the searches that benchmarks make.

import type { Sql } from "postgres";
import type { City } from "./market.ts";

/** Arguments of a search, and the function that they are for: search_properties when left out. */
export type SearchArguments = {
  [name: `p_${string}`]: string | number | string[] | null;
  function?: "search_properties" | "count_properties" | "search_facets";
};

/** Runs a search, sending the arguments as parameters. */
export function searchWith(
  sql: Sql,
  { function: name = "search_properties", ...parts }: SearchArguments,
): Promise<readonly unknown[]> {
  const given = Object.entries(parts).filter(([key]) => name === "search_properties" || key !== "p_sort");
  const list = given.map(([key], n) => `${key} => $${n + 1}`).join(", ");
  return sql.unsafe(
    `select * from public.${name}(${list})`,
    given.map(([, value]) => value),
    { prepare: true },
  );
}

/** A box around a point, with sides of `km` kilometres. */
export function around({ latitude, longitude }: Pick<City, "latitude" | "longitude">, km: number) {
  const [dLat, dLng] = [km / 2 / 111.2, km / 2 / (111.2 * Math.cos((latitude * Math.PI) / 180))];
  return {
    p_west: longitude - dLng,
    p_south: latitude - dLat,
    p_east: longitude + dLng,
    p_north: latitude + dLat,
  };
}

/** Picks a city, weighted by its number of properties. */
export function weighted(cities: City[], random: () => number): City {
  let rest = random() * cities.reduce((sum, { properties }) => sum + properties, 0);
  for (const city of cities) {
    rest -= city.properties;
    if (rest < 0) return city;
  }
  return cities[0] as City;
}

/** A seeded random number generator, of numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
