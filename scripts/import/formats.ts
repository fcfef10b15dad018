// Recognizes files by the column names in their first line.

import { basename } from "node:path";
import { StackError } from "../lib/errors.ts";

export type ListingsFormat = "summary" | "detailed";

/** The columns that the import needs in each format. The others vary: detailed files have had 75 to 79 columns. */
const needed = {
  summary: [
    "id",
    "name",
    "host_id",
    "neighbourhood",
    "latitude",
    "longitude",
    "room_type",
    "price",
    "minimum_nights",
  ],
  detailed: [
    "id",
    "name",
    "description",
    "picture_url",
    "host_id",
    "host_name",
    "neighbourhood_cleansed",
    "latitude",
    "longitude",
    "property_type",
    "room_type",
    "accommodates",
    "bedrooms",
    "beds",
    "amenities",
    "price",
    "minimum_nights",
    "maximum_nights",
  ],
  calendar: ["listing_id", "date", "available", "price", "minimum_nights", "maximum_nights"],
} as const;

/** The format of a listings file. @throws StackError with the expected columns when it is another file */
export function listingsFormat(path: string, header: string[]): ListingsFormat {
  const format = header.includes("accommodates") || header.includes("listing_url") ? "detailed" : "summary";
  const missing = needed[format].filter((column) => !header.includes(column));
  if (missing.length === 0) return format;
  throw wrongFile(
    path,
    header,
    "listings",
    `Expected the columns of a summary file (18: ${needed.summary.join(", ")} and more) ` +
      `or of a detailed file (75 to 79: ${needed.detailed.join(", ")} and more).` +
      (missing.length < needed[format].length / 2
        ? ` It looks like a ${format} file without these columns: ${missing.join(", ")}.`
        : ""),
  );
}

/** @throws StackError with the expected columns when it is not a calendar */
export function requireCalendar(path: string, header: string[]): void {
  if (needed.calendar.every((column) => header.includes(column))) return;
  throw wrongFile(path, header, "calendar", `Expected the columns ${needed.calendar.join(", ")}.`);
}

function wrongFile(path: string, header: string[], wanted: string, expected: string): StackError {
  const name = basename(path);
  return new StackError(
    `${name} is not an Inside Airbnb ${wanted} file. ${expected}`,
    hintAt(header, wanted) ??
      `Its first line has ${header.length} ${header.length === 1 ? "column" : "columns"}: ${printable(header.join(", "))}`,
  );
}

function hintAt(header: string[], wanted: string): string | undefined {
  if (wanted !== "calendar" && needed.calendar.every((column) => header.includes(column))) {
    return "It is a calendar. Pass it with --calendar, in addition to the listings.";
  }
  if (header.includes("reviewer_id") || header.join() === "listing_id,date")
    return "It contains reviews, which the import does not read.";
  if (header[0]?.startsWith("{")) return "It is JSON. Pass a map of neighbourhoods with --neighbourhoods.";
  if (/[\0\ufffd]/.test(header.join())) return "It is not text in UTF-8. Save it as CSV in UTF-8.";
  if (header.length === 1 && /[;\t]/.test(header[0] ?? "")) {
    return "Its columns are separated by semicolons or tabs. Save it with commas.";
  }
  return undefined;
}

function printable(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?").slice(0, 200);
}
