// Infers the location of a file from the coordinates of its first rows: city, region, country and currency, which no column has.
// Inside Airbnb publishes one file for each city.

import tzLookup from "@photostructure/tz-lookup";
import { cityMapping } from "city-timezones";
import currencies from "country-to-currency";
import { StackError } from "../lib/errors.ts";

export interface Location {
  city: string;
  region: string | null;
  /** ISO 3166-1 alpha-2. */
  country: string;
  /** ISO 4217. */
  currency: string;
  /** IANA name of the city's time zone, for points without one. */
  timeZone: string;
}

export interface Point {
  latitude: number;
  longitude: number;
}

/** The IANA time zone of a point. */
export function timeZoneAt(latitude: number, longitude: number): string {
  return tzLookup(latitude, longitude);
}

/**
 * Combines the given values with those of the city that attracts most at the median of the points: population divided by the
 * square of the distance.
 *
 * @throws StackError when city or country is not given and there are no points
 */
export function inferLocation(points: Point[], given: Partial<Location>): Location {
  const found = points.length === 0 ? undefined : nearestLargeCity(median(points));
  const country = given.country ?? found?.iso2;
  const city = given.city ?? found?.city;
  if (country === undefined || city === undefined) {
    throw new StackError(
      "The first rows do not show where the listings are.",
      "Use --city and --country, such as --city Asheville --country US.",
    );
  }
  const byCountry: Record<string, string | undefined> = currencies;
  return {
    city,
    // the region belongs to the found city only
    region: given.region ?? (city === found?.city ? found.province || null : null),
    country,
    currency: given.currency ?? byCountry[country] ?? "USD",
    timeZone: given.timeZone ?? found?.timezone ?? "UTC",
  };
}

function nearestLargeCity({ latitude, longitude }: Point) {
  const perDegree = 111;
  const narrow = Math.cos((latitude * Math.PI) / 180);
  let best: { attraction: number; city: (typeof cityMapping)[number] } | undefined;
  for (const city of cityMapping) {
    const east = ((((city.lng - longitude + 540) % 360) + 360) % 360) - 180;
    const kilometres = Math.hypot((city.lat - latitude) * perDegree, east * narrow * perDegree);
    const attraction = (city.pop + 1) / (kilometres ** 2 + 25);
    if (best === undefined || attraction > best.attraction) best = { attraction, city };
  }
  return best?.city;
}

/** The kilometres between two points along the surface of the earth, as a sphere. */
export function distance(a: Point, b: Point): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const north = Math.sin(radians(b.latitude - a.latitude) / 2) ** 2;
  const east = Math.sin(radians(b.longitude - a.longitude) / 2) ** 2;
  const part = north + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * east;
  return 2 * 6_371 * Math.asin(Math.sqrt(Math.min(1, part)));
}

/** The median of latitudes and that of longitudes. */
export function median(points: Point[]): Point {
  const medianOf = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return {
    latitude: medianOf(points.map((point) => point.latitude)),
    longitude: medianOf(points.map((point) => point.longitude)),
  };
}
