// The arguments of `npm run import`.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { StackError } from "../lib/errors.ts";

export const usage = `npm run import -- inside-airbnb <listings.csv> [options]

  Files of many cities: https://insideairbnb.com/get-the-data (listings.csv or listings.csv.gz, summary or detailed)

  --neighbourhoods x.geojson    map of neighbourhoods, for listings that name none
  --calendar calendar.csv       prices, minimum and maximum stays, and unavailable nights by date
  --city, --region, --country   location of the listings (country as ISO code, such as US); default: from their coordinates
  --time-zone America/New_York  time zone of all listings; default: from the coordinates of each
  --currency USD                currency of the prices (files write $ for any currency); default: that of the country
  --max-distance 200            kilometres from the median of the file beyond which a listing stays a draft
  --guests 2                    maximum number of guests where the file has none
  --database-url postgresql://  database to import into, also as STAYBASE_DATABASE_URL; default: the local stack's`;

export interface Arguments {
  source: "inside-airbnb";
  listings: string;
  neighbourhoods: string | undefined;
  calendar: string | undefined;
  /** Values that override those inferred from coordinates. */
  given: { city?: string; region?: string; country?: string; currency?: string; timeZone?: string };
  /** Maximum number of guests where the file has none. */
  guests: number;
  /** Kilometres from the median of the file beyond which a listing stays a draft. */
  maxDistance: number;
  databaseUrl: string | undefined;
}

/** Reads the arguments; undefined for --help. @throws StackError with the usage when one is missing or invalid */
export function readArguments(args: string[], environment: NodeJS.ProcessEnv): Arguments | undefined {
  const { positionals, values } = parse(args);
  if (values.help === true) return undefined;
  const [source, listings, ...more] = positionals;
  if (source !== undefined && source !== "inside-airbnb") {
    throw new StackError(`Unknown source "${source}". The import supports inside-airbnb.`, usage);
  }
  if (source === undefined || listings === undefined || more.length > 0) {
    throw new StackError("Give the source and one file of listings.", usage);
  }
  const guests = Number(values.guests ?? 2);
  if (!Number.isInteger(guests) || guests < 1 || guests > 50) {
    throw new StackError(`--guests ${values.guests} is not a number from 1 to 50.`, usage);
  }
  const maxDistance = Number(values["max-distance"] ?? 200);
  if (!(maxDistance > 0)) {
    throw new StackError(
      `--max-distance ${values["max-distance"]} is not a positive number of kilometres.`,
      usage,
    );
  }
  if (values.country !== undefined && !/^[A-Z]{2}$/.test(values.country)) {
    throw new StackError(
      `--country ${values.country} is not an ISO 3166-1 code of two letters, such as US.`,
      usage,
    );
  }
  const { city, region, country, currency, "time-zone": timeZone } = values;
  // npm runs scripts in the project's folder, but paths are relative to the caller's folder
  const path = (name: string | undefined) =>
    name === undefined ? undefined : resolve(environment.INIT_CWD ?? process.cwd(), name);
  return {
    source,
    listings: path(listings) ?? listings,
    neighbourhoods: path(values.neighbourhoods),
    calendar: path(values.calendar),
    /** Values that override those inferred from coordinates. */
    given: {
      ...(city === undefined ? {} : { city }),
      ...(region === undefined ? {} : { region }),
      ...(country === undefined ? {} : { country }),
      ...(currency === undefined ? {} : { currency }),
      ...(timeZone === undefined ? {} : { timeZone }),
    },
    guests,
    maxDistance,
    databaseUrl: values["database-url"] ?? environment.STAYBASE_DATABASE_URL,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        neighbourhoods: { type: "string" },
        calendar: { type: "string" },
        city: { type: "string" },
        region: { type: "string" },
        country: { type: "string" },
        "time-zone": { type: "string" },
        currency: { type: "string" },
        "max-distance": { type: "string" },
        guests: { type: "string" },
        "database-url": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new StackError(error instanceof Error ? error.message : String(error), usage);
  }
}
