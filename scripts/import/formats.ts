// Which file this is, told by the names in its first line.

import { basename } from "node:path";
import { StackError } from "../lib/errors.ts";

export type ListingsFormat = "summary" | "detailed";

/** What the import reads of each format; the other columns may be there or not (75 to 79 in detailed files over the years). */
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
    "bathrooms_text",
    "bedrooms",
    "beds",
    "amenities",
    "price",
    "minimum_nights",
    "maximum_nights",
  ],
  calendar: ["listing_id", "date", "available", "price", "minimum_nights", "maximum_nights"],
} as const;

/** @throws StackError that says what was expected, when it is no listings file */
export function listingsFormat(path: string, header: string[]): ListingsFormat {
  const format = header.includes("accommodates") || header.includes("listing_url") ? "detailed" : "summary";
  const missing = needed[format].filter((column) => !header.includes(column));
  if (missing.length === 0) return format;
  throw refusal(
    path,
    header,
    "listings",
    `Expected are the columns of Inside Airbnb's listings, either of the summary (18: ${needed.summary.join(", ")} and more) ` +
      `or of the detailed file (75 to 79: ${needed.detailed.join(", ")} and more).` +
      (missing.length < needed[format].length / 2
        ? ` It looks like the ${format} file, but lacks: ${missing.join(", ")}.`
        : ""),
  );
}

/** @throws StackError that says what was expected, when it is no calendar */
export function requireCalendar(path: string, header: string[]): void {
  if (needed.calendar.every((column) => header.includes(column))) return;
  throw refusal(path, header, "calendar", `Expected are the columns ${needed.calendar.join(", ")}.`);
}

function refusal(path: string, header: string[], wanted: string, expected: string): StackError {
  const name = basename(path);
  return new StackError(
    `${name} is not an Inside Airbnb ${wanted} file. ${expected}`,
    otherFile(header, wanted) ??
      `Its first line has ${header.length} ${header.length === 1 ? "column" : "columns"}: ${printable(header.join(", "))}`,
  );
}

function otherFile(header: string[], wanted: string): string | undefined {
  if (wanted !== "calendar" && needed.calendar.every((column) => header.includes(column))) {
    return "It is a calendar: give it with --calendar, beside the listings.";
  }
  if (header.includes("reviewer_id") || header.join() === "listing_id,date") return "It holds reviews.";
  if (header[0]?.startsWith("{")) return "It is JSON; a map of neighbourhoods goes with --neighbourhoods.";
  if (/[\0\ufffd]/.test(header.join())) return "It is not text in UTF-8: save it as CSV, in UTF-8.";
  if (header.length === 1 && /[;\t]/.test(header[0] ?? "")) {
    return "Its columns are separated by semicolons or tabs: save it with commas.";
  }
  return undefined;
}

function printable(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, "?").slice(0, 200);
}
