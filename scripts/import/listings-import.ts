// From a listings file to the database: read, map, write in batches, count.

import type { Sql } from "postgres";
import { StackError } from "../lib/errors.ts";
import type { Arguments } from "./arguments.ts";
import { inBatches, writeIsolated } from "./batches.ts";
import type { Reference } from "./database.ts";
import { listingsFormat } from "./formats.ts";
import { type Listing, type MappingContext, toListing } from "./listing.ts";
import { type WrittenListings, writeListings } from "./listing-writer.ts";
import { type Place, type Point, placeOf, timeZoneAt } from "./location.ts";
import type { Neighbourhoods } from "./neighbourhoods.ts";
import { startProgress } from "./progress.ts";
import { fileSize } from "./records.ts";
import { createReport, type Report } from "./report.ts";
import { type Row, readTable } from "./table.ts";
import { RowError } from "./values.ts";

const batchSize = 500;
const rowsThatTellThePlace = 500;

/** @throws StackError when the file, an option or the database is not as it must be; a row never ends an import */
export async function importListings(
  sql: Sql,
  { source, listings: path, given, guests }: Arguments,
  reference: Reference,
  map: Neighbourhoods,
): Promise<Report> {
  const progress = startProgress("listings", await fileSize(path));
  const report = createReport(progress.print);
  const skip = (line: number, error: Error) => report.skip("listings", line, error);
  try {
    const { header, rows } = await readTable(path, progress.read, skip);
    const format = listingsFormat(path, header);
    const first = await take(rows, rowsThatTellThePlace);
    const place = placeOf(first.flatMap(point), given);
    const context = mappingContext(place, given, reference, map, report);
    progress.print(`  ${describePlace(place, given)}`);

    async function* listings(): AsyncGenerator<Listing> {
      for await (const { line, fields } of chain(first, rows)) {
        progress.rows(1);
        try {
          yield toListing(fields, line, format, context);
        } catch (error) {
          if (!(error instanceof RowError)) throw error;
          skip(line, error);
        }
      }
    }
    for await (const batch of inBatches(listings(), batchSize, (listing) => listing.source_id)) {
      await writeIsolated(
        batch,
        async (part) => count(report, await writeListings(sql, part, { source, place, guests }), guests),
        (listing, error) => skip(listing.line, error),
      );
    }
    return report;
  } finally {
    progress.stop();
  }
}

/** @throws StackError for a currency or a time zone that the database does not know */
function mappingContext(
  place: Place,
  given: Arguments["given"],
  { currencies, timeZones }: Reference,
  map: Neighbourhoods,
  report: Report,
): MappingContext {
  const minorUnit = currencies.get(place.currency);
  if (minorUnit === undefined) {
    throw new StackError(
      `The database knows no currency ${place.currency}.`,
      "Give an ISO 4217 code, such as --currency USD.",
    );
  }
  if (given.timeZone !== undefined && !timeZones.has(given.timeZone)) {
    throw new StackError(
      `The database knows no time zone ${given.timeZone}.`,
      "Give an IANA name, such as --time-zone America/New_York.",
    );
  }
  return {
    minorUnit,
    timeZone(latitude, longitude) {
      // at sea there are zones that are only an offset
      const zone =
        given.timeZone ?? [timeZoneAt(latitude, longitude), place.timeZone].find((z) => timeZones.has(z));
      if (zone === undefined) throw new RowError("no time zone is known where it is");
      return zone;
    },
    neighbourhood: map.find,
    note: (text) => report.note(text),
  };
}

function describePlace({ city, region, country, currency }: Place, given: Arguments["given"]): string {
  const where = [city, region, country].filter((part) => part !== null).join(", ");
  const guessed = given.city === undefined || given.country === undefined || given.currency === undefined;
  return (
    `Listings of ${where}, prices in ${currency}, time zone ${given.timeZone ?? "of each one's point"}` +
    (guessed ? " (told by where they are; --city, --region, --country, --currency say otherwise)" : "")
  );
}

function count(report: Report, written: WrittenListings, guests: number): void {
  report.add("listings", "loaded", written.loaded);
  report.add("listings", "updated", written.updated);
  report.add("listings", "unchanged", written.unchanged);
  report.add("hosts", "loaded", written.hosts.loaded);
  report.add("hosts", "updated", written.hosts.updated);
  report.note("published: anyone can read them", written.published);
  report.note("drafts: something is missing that a published property has", written.drafts);
  for (const { message, count } of written.problems) report.note(`  of the drafts: ${message}`, count);
  report.note(`the file does not say for how many guests: ${guests} assumed`, written.assumedGuests);
}

function point({ fields }: Row): Point[] {
  const [latitude, longitude] = [fields.get("latitude"), fields.get("longitude")].map((text) =>
    text?.trim() ? Number(text) : Number.NaN,
  );
  const known = Math.abs(latitude ?? Number.NaN) <= 90 && Math.abs(longitude ?? Number.NaN) <= 180;
  return known && latitude !== undefined && longitude !== undefined ? [{ latitude, longitude }] : [];
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
  // so that the first ones do not stay in memory
  for (let item = first.shift(); item !== undefined; item = first.shift()) yield item;
  yield* rest;
}
