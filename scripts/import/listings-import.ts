// Imports a listings file: reads its rows, maps them to properties, writes them in batches and counts the results.

import type { Sql } from "postgres";
import { StackError } from "../lib/errors.ts";
import type { Arguments } from "./arguments.ts";
import { inBatches, writeIsolated } from "./batches.ts";
import type { Reference } from "./database.ts";
import { listingsFormat } from "./formats.ts";
import { type Listing, type MappingContext, toListing } from "./listing.ts";
import { type WrittenListings, writeListings } from "./listing-writer.ts";
import { distance, inferLocation, type Location, median, type Point, timeZoneAt } from "./location.ts";
import type { Neighbourhoods } from "./neighbourhoods.ts";
import { startProgress } from "./progress.ts";
import { fileSize } from "./records.ts";
import { createReport, type Report } from "./report.ts";
import { type Row, readTable } from "./table.ts";
import { RowError } from "./values.ts";

const batchSize = 500;
/** Number of rows whose coordinates determine the location of the file. */
const sampleSize = 500;

/** Imports listings and reports invalid rows. @throws StackError when the file, an option or the database cannot be used */
export async function importListings(
  sql: Sql,
  { source, listings: path, given, guests, maxDistance }: Arguments,
  reference: Reference,
  map: Neighbourhoods,
): Promise<Report> {
  const progress = startProgress("listings", await fileSize(path));
  const report = createReport(progress.print);
  const skip = (line: number, error: Error) => report.skip("listings", line, error);
  try {
    const { header, rows } = await readTable(path, progress.read, skip);
    const format = listingsFormat(path, header);
    const first = await take(rows, sampleSize);
    const points = first.flatMap(coordinates);
    const location = inferLocation(points, given);
    const center = median(points);
    const context: MappingContext = {
      ...mappingContext(location, given, reference, map, report),
      isFar: (latitude, longitude) =>
        points.length > 0 && distance(center, { latitude, longitude }) > maxDistance,
    };
    progress.print(describeLocation(location, given));

    async function* listings(): AsyncGenerator<Listing> {
      for await (const { line, fields } of chain(first, rows)) {
        progress.rows(1);
        try {
          const listing = toListing(fields, line, format, context);
          if (listing.is_far) tellFar(listing, center, report);
          yield listing;
        } catch (error) {
          if (!(error instanceof RowError)) throw error;
          skip(line, error);
        }
      }
    }
    for await (const batch of inBatches(listings(), batchSize, (listing) => listing.source_id)) {
      await writeIsolated(
        batch,
        async (part) => count(report, await writeListings(sql, part, { source, location, guests }), guests),
        (listing, error) => skip(listing.line, error),
      );
    }
    return report;
  } finally {
    progress.stop();
  }
}

/** @throws StackError for a currency or a time zone that the database does not have */
function mappingContext(
  location: Location,
  given: Arguments["given"],
  { currencies, timeZones }: Reference,
  map: Neighbourhoods,
  report: Report,
): Omit<MappingContext, "isFar"> {
  const minorUnit = currencies.get(location.currency);
  if (minorUnit === undefined) {
    throw new StackError(
      `The database has no currency ${location.currency}.`,
      "Use an ISO 4217 code, such as --currency USD.",
    );
  }
  if (given.timeZone !== undefined && !timeZones.has(given.timeZone)) {
    throw new StackError(
      `The database has no time zone ${given.timeZone}.`,
      "Use an IANA name, such as --time-zone America/New_York.",
    );
  }
  return {
    minorUnit,
    timeZone(latitude, longitude) {
      // at sea, zones are offsets without a name
      const zone =
        given.timeZone ?? [timeZoneAt(latitude, longitude), location.timeZone].find((z) => timeZones.has(z));
      if (zone === undefined) throw new RowError("there is no time zone at its coordinates");
      return zone;
    },
    neighbourhood: map.find,
    note: (text) => report.note(text),
  };
}

function tellFar(
  { line, source_id, title, latitude, longitude }: Listing,
  center: Point,
  report: Report,
): void {
  const kilometres = Math.round(distance(center, { latitude, longitude })).toLocaleString("en");
  report.remark(
    "listings",
    line,
    `${source_id} "${title}" at ${latitude}, ${longitude} is ${kilometres} km from the median of the file: not published`,
    "far from the median of the file: not published (--max-distance)",
  );
}

function describeLocation({ city, region, country, currency }: Location, given: Arguments["given"]): string {
  const where = [city, region, country].filter((name) => name !== null).join(", ");
  const isInferred = given.city === undefined || given.country === undefined || given.currency === undefined;
  return [
    `  Location: ${where}; prices in ${currency}; time zone: ${given.timeZone ?? "from the coordinates of each listing"}`,
    ...(isInferred
      ? ["  Inferred from the coordinates. Override with --city, --region, --country or --currency."]
      : []),
  ].join("\n");
}

function count(report: Report, written: WrittenListings, guests: number): void {
  report.add("listings", "loaded", written.loaded);
  report.add("listings", "updated", written.updated);
  report.add("listings", "unchanged", written.unchanged);
  report.add("hosts", "loaded", written.hosts.loaded);
  report.add("hosts", "updated", written.hosts.updated);
  report.note("published and visible to everyone", written.published);
  report.note("kept as drafts, because something required is missing", written.drafts);
  for (const { message, count } of written.problems) report.note(`  drafts: ${message}`, count);
  report.note(`without a number of guests: assumed ${guests}`, written.assumedGuests);
}

function coordinates({ fields }: Row): Point[] {
  const [latitude, longitude] = [fields.get("latitude"), fields.get("longitude")].map((text) =>
    text?.trim() ? Number(text) : Number.NaN,
  );
  const isValid = Math.abs(latitude ?? Number.NaN) <= 90 && Math.abs(longitude ?? Number.NaN) <= 180;
  return isValid && latitude !== undefined && longitude !== undefined ? [{ latitude, longitude }] : [];
}

async function take<T>(items: AsyncGenerator<T>, size: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < size) {
    const next = await items.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

async function* chain<T>(first: T[], rest: AsyncIterable<T>): AsyncGenerator<T> {
  // shift() frees the memory of the first items
  for (let item = first.shift(); item !== undefined; item = first.shift()) yield item;
  yield* rest;
}
