// Where the listings of a file are, which no column says: city, region, country and from them the currency. Inside
// Airbnb publishes a file per city, so the file's first rows tell for all of it; options of the command say otherwise.

import tzLookup from "@photostructure/tz-lookup";
import { cityMapping } from "city-timezones";
import currencies from "country-to-currency";
import { StackError } from "../lib/errors.ts";

export interface Place {
  city: string;
  region: string | null;
  /** ISO 3166-1 alpha-2. */
  country: string;
  /** ISO 4217. */
  currency: string;
  /** IANA name: of the city, for points that have none of their own. */
  timeZone: string;
}

export interface Point {
  latitude: number;
  longitude: number;
}

/** The IANA time zone of a point, from the shapes of the zones. */
export function timeZoneAt(latitude: number, longitude: number): string {
  return tzLookup(latitude, longitude);
}

/**
 * The place of a file: what is given, and for the rest the city whose pull (people by distance squared) is the strongest
 * where the middle of the points is.
 *
 * @throws StackError when nothing is given and there is no point
 */
export function placeOf(points: Point[], given: Partial<Place>): Place {
  const found = points.length === 0 ? undefined : strongestCity(middle(points));
  const country = given.country ?? found?.iso2;
  const city = given.city ?? found?.city;
  if (country === undefined || city === undefined) {
    throw new StackError(
      "No row among the first says where the listings are.",
      "Give --city and --country, such as --city Asheville --country US.",
    );
  }
  const byCountry: Record<string, string | undefined> = currencies;
  return {
    city,
    // that of another city would be wrong
    region: given.region ?? (city === found?.city ? found.province || null : null),
    country,
    currency: given.currency ?? byCountry[country] ?? "USD",
    timeZone: given.timeZone ?? found?.timezone ?? "UTC",
  };
}

function strongestCity({ latitude, longitude }: Point) {
  const perDegree = 111;
  const narrow = Math.cos((latitude * Math.PI) / 180);
  let best: { pull: number; city: (typeof cityMapping)[number] } | undefined;
  for (const city of cityMapping) {
    const east = ((((city.lng - longitude + 540) % 360) + 360) % 360) - 180;
    const kilometres = Math.hypot((city.lat - latitude) * perDegree, east * narrow * perDegree);
    const pull = (city.pop + 1) / (kilometres ** 2 + 25);
    if (best === undefined || pull > best.pull) best = { pull, city };
  }
  return best?.city;
}

function middle(points: Point[]): Point {
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  return {
    latitude: median(points.map((point) => point.latitude)),
    longitude: median(points.map((point) => point.longitude)),
  };
}
