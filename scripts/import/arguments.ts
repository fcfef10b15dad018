// What the command was asked to do.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { StackError } from "../lib/errors.ts";

export const usage = `npm run import -- inside-airbnb <listings.csv> [options]

  Files of many cities: https://insideairbnb.com/get-the-data (listings.csv or listings.csv.gz, summary or detailed)

  --neighbourhoods x.geojson    names of neighbourhoods for listings that have none
  --calendar calendar.csv       prices, shortest and longest stays, and taken nights by date
  --city, --region, --country   where the listings are (country as ISO code, such as US); told by their points when left out
  --time-zone America/New_York  of every listing; told by each one's point when left out
  --currency USD                of the prices; the country's when left out (the $ in the files says nothing)
  --guests 2                    for listings whose file does not say how many they take
  --database-url postgresql://  another database than the local stack's; also as STAYBASE_DATABASE_URL`;

export interface Arguments {
  source: "inside-airbnb";
  listings: string;
  neighbourhoods: string | undefined;
  calendar: string | undefined;
  given: { city?: string; region?: string; country?: string; currency?: string; timeZone?: string };
  guests: number;
  databaseUrl: string | undefined;
}

/** @throws StackError with the usage when something is missing or wrong; undefined when help was asked for */
export function readArguments(args: string[], environment: NodeJS.ProcessEnv): Arguments | undefined {
  const { positionals, values } = parse(args);
  if (values.help === true) return undefined;
  const [source, listings, ...more] = positionals;
  if (source !== undefined && source !== "inside-airbnb") {
    throw new StackError(`"${source}" is no source that the import knows: it knows inside-airbnb.`, usage);
  }
  if (source === undefined || listings === undefined || more.length > 0) {
    throw new StackError("Name the source and one file of listings.", usage);
  }
  const guests = Number(values.guests ?? 2);
  if (!Number.isInteger(guests) || guests < 1 || guests > 50) {
    throw new StackError(`--guests ${values.guests} is not a number from 1 to 50.`, usage);
  }
  if (values.country !== undefined && !/^[A-Z]{2}$/.test(values.country)) {
    throw new StackError(
      `--country ${values.country} is no ISO 3166-1 code of two letters, such as US.`,
      usage,
    );
  }
  const { city, region, country, currency, "time-zone": timeZone } = values;
  // npm runs scripts in the project's folder; paths are meant from where the person is
  const path = (name: string | undefined) =>
    name === undefined ? undefined : resolve(environment.INIT_CWD ?? process.cwd(), name);
  return {
    source,
    listings: path(listings) ?? listings,
    neighbourhoods: path(values.neighbourhoods),
    calendar: path(values.calendar),
    given: {
      ...(city === undefined ? {} : { city }),
      ...(region === undefined ? {} : { region }),
      ...(country === undefined ? {} : { country }),
      ...(currency === undefined ? {} : { currency }),
      ...(timeZone === undefined ? {} : { timeZone }),
    },
    guests,
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
        guests: { type: "string" },
        "database-url": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new StackError(error instanceof Error ? error.message : String(error), usage);
  }
}
