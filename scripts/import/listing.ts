// Maps a row of a listings file to a property. Null means that the file has no value: the database keeps its value or takes the
// default. Airbnb has already moved the coordinates; they are stored as exact, so that our privacy rule applies to all properties.

import { createHash } from "node:crypto";
import { parse as parsePostgresArray } from "postgres-array";
import { amenityIds } from "./amenities.ts";
import type { ListingsFormat } from "./formats.ts";
import {
  boolean,
  integerBetween,
  isoDate,
  numberBetween,
  plainLine,
  plainText,
  priceInMinorUnits,
  RowError,
} from "./values.ts";

export interface Listing {
  line: number;
  source_id: string;
  title: string;
  description: string | null;
  property_type: string;
  room_type: string;
  max_guests: number | null;
  bedrooms: number | null;
  beds: number | null;
  bathrooms: number | null;
  booking_mode: "instant" | "request" | null;
  min_nights: number | null;
  max_nights: number | null;
  max_pets: number | null;
  base_price: number | null;
  neighbourhood: string | null;
  latitude: number;
  longitude: number;
  /** Whether it is so far from the other listings of the file that its coordinates are probably wrong. */
  is_far: boolean;
  time_zone: string;
  photo_url: string | null;
  /** Ids of our amenities; null when the file has none. */
  amenities: string[] | null;
  host: { source_id: string; name: string | null; about: string | null; since: string | null };
}

/** Values and functions that depend on the location of the file. */
export interface MappingContext {
  /** Decimal places of the currency of prices. */
  minorUnit: number;
  timeZone(latitude: number, longitude: number): string;
  neighbourhood(named: string | null, latitude: number, longitude: number): string | null;
  isFar(latitude: number, longitude: number): boolean;
  /** Counts a remark about an imported row for the report. */
  note(text: string): void;
}

const roomTypes: Record<string, string> = {
  "entire home/apt": "entire_home",
  "private room": "private_room",
  "hotel room": "hotel_room",
  "shared room": "shared_room",
};

/** Airbnb's property types, without "Entire", "Private room in", "Shared room in" and "Room in". Others become `other`. */
const propertyTypes: Record<string, string> = {
  "rental unit": "apartment",
  apartment: "apartment",
  home: "house",
  house: "house",
  "residential home": "house",
  "vacation home": "house",
  condo: "condominium",
  condominium: "condominium",
  "condominium (condo)": "condominium",
  townhouse: "townhouse",
  loft: "loft",
  villa: "villa",
  bungalow: "bungalow",
  cabin: "cabin",
  cottage: "cottage",
  chalet: "chalet",
  guesthouse: "guesthouse",
  "guest suite": "guest_suite",
  "serviced apartment": "serviced_apartment",
  aparthotel: "aparthotel",
  hotel: "hotel",
  "boutique hotel": "hotel",
  hostel: "hostel",
  "bed and breakfast": "bed_and_breakfast",
  "bed & breakfast": "bed_and_breakfast",
  "farm stay": "farm_stay",
  farmhouse: "farm_stay",
  "tiny home": "tiny_house",
  "tiny house": "tiny_house",
  treehouse: "treehouse",
  boat: "boat",
  houseboat: "boat",
  "camper/rv": "camper",
  bus: "camper",
  tent: "tent",
  yurt: "tent",
  tipi: "tent",
  castle: "castle",
};

/**
 * Maps a row.
 *
 * @param fields the row's values by column name
 * @throws RowError when a required value is missing or a value is invalid
 */
export function toListing(
  fields: Map<string, string>,
  line: number,
  format: ListingsFormat,
  context: MappingContext,
): Listing {
  const text = (column: string) => fields.get(column)?.trim() ?? "";
  const [latitude, longitude] = [
    needed(numberBetween("latitude", text("latitude"), -90, 90), "latitude"),
    needed(numberBetween("longitude", text("longitude"), -180, 180), "longitude"),
  ];
  const roomType = roomTypes[text("room_type").toLowerCase()];
  if (roomType === undefined) throw new RowError("room_type is not one of Airbnb's", text("room_type"));
  const amenities = format === "detailed" ? readAmenities(text("amenities"), context) : null;
  const name = plainLine(text(format === "detailed" ? "neighbourhood_cleansed" : "neighbourhood"), 100);
  const neighbourhood = context.neighbourhood(name, latitude, longitude);
  return {
    line,
    source_id: sourceId(text("id"), text("host_id"), text("name"), context),
    title: title(text("name"), roomType, neighbourhood, context),
    description: plainText(text("description"), 10_000),
    property_type: propertyType(text("property_type"), roomType),
    room_type: roomType,
    // some hotels have 0
    max_guests: integerBetween("accommodates", text("accommodates"), 0, 50) || null,
    bedrooms: integerBetween("bedrooms", text("bedrooms"), 0, 50),
    beds: integerBetween("beds", text("beds"), 0, 100),
    bathrooms: bathrooms(text("bathrooms"), text("bathrooms_text")),
    booking_mode: bookingMode(boolean("instant_bookable", text("instant_bookable"))),
    ...nights(text("minimum_nights"), text("maximum_nights")),
    max_pets: amenities?.pets === true ? 1 : null,
    base_price: priceInMinorUnits("price", text("price"), context.minorUnit),
    neighbourhood,
    latitude,
    longitude,
    is_far: context.isFar(latitude, longitude),
    time_zone: context.timeZone(latitude, longitude),
    photo_url: photoUrl(text("picture_url"), context),
    amenities: amenities?.ids ?? null,
    host: {
      source_id: hostId(text("host_id")),
      name: plainLine(text("host_name"), 50),
      about: plainText(text("host_about"), 2_000),
      since: isoDate("host_since", text("host_since")),
    },
  };
}

function needed<T>(value: T | null, column: string): T {
  if (value === null) throw new RowError(`${column} is blank`);
  return value;
}

/**
 * Spreadsheets round ids of 18 digits to the same "5.54287E+17". Such rows get an id derived from host and name; not from the
 * coordinates, which readers of source_id could then guess.
 */
function sourceId(id: string, host: string, name: string, { note }: MappingContext): string {
  if (/^\d{1,20}$/.test(id)) return id;
  if (!/^\d(\.\d+)?E\+\d{2}$/i.test(id)) throw new RowError("id is not a number", id);
  note("with an id that a spreadsheet had rounded: identified by host and name");
  return `${id}/${createHash("sha256").update(`${host}\n${name}`).digest("hex").slice(0, 12)}`;
}

function hostId(text: string): string {
  if (!/^\d{1,20}$/.test(text)) throw new RowError("host_id is not a number", text);
  return text;
}

function title(
  name: string,
  roomType: string,
  neighbourhood: string | null,
  { note }: MappingContext,
): string {
  const line = plainLine(name, 150);
  if (line === null) {
    note("without a name: titled by room type and neighbourhood");
    const room = roomType.replace("_", " ");
    const kind = room.charAt(0).toUpperCase() + room.slice(1);
    return neighbourhood === null ? kind : `${kind} in ${neighbourhood}`;
  }
  if (line.endsWith("…") && !name.includes("…")) note("with a name over 150 characters: shortened");
  return line;
}

function propertyType(text: string, roomType: string): string {
  const type = text.toLowerCase().replace(/^(entire|(private |shared )?room in|floor of)\s+/, "");
  return propertyTypes[type] ?? (roomType === "hotel_room" ? "hotel" : "other");
}

/** Reads `bathrooms`, or when it is blank `bathrooms_text`, such as "1.5 shared baths" or "Half-bath". */
function bathrooms(number: string, text: string): number | null {
  const fromText = /^\d+(\.\d+)?/.exec(text)?.[0] ?? (/half-bath/i.test(text) ? "0.5" : "");
  const value = numberBetween("bathrooms", number === "" ? fromText : number, 0, 50);
  return value === null ? null : Math.round(value * 2) / 2;
}

function bookingMode(instant: boolean | null): Listing["booking_mode"] {
  if (instant === null) return null;
  return instant ? "instant" : "request";
}

/** Airbnb's longest stay is 1125 nights; larger numbers mean "any". */
function nights(min: string, max: string): Pick<Listing, "min_nights" | "max_nights"> {
  const min_nights = integerBetween("minimum_nights", min, 1, 1125);
  const max_nights = integerBetween("maximum_nights", max, 1, Number.MAX_SAFE_INTEGER);
  return {
    min_nights,
    max_nights: max_nights === null ? null : Math.max(Math.min(max_nights, 1125), min_nights ?? 1),
  };
}

function readAmenities(text: string, { note }: MappingContext): { ids: string[]; pets: boolean } | null {
  if (text === "") return null;
  const names = parseNames(text);
  const ids = new Set<string>();
  for (const name of names) {
    const found = amenityIds(name);
    if (found.length === 0) note("amenities that match none of ours: skipped");
    for (const id of found) ids.add(id);
  }
  return { ids: [...ids].sort(), pets: names.some((name) => /^pets allowed$/i.test(name.trim())) };
}

/** Reads `["TV", "Wifi"]`; files of before 2020 have PostgreSQL arrays, such as `{TV,"Cable TV"}`. */
function parseNames(text: string): string[] {
  try {
    const names: unknown = text.startsWith("{") ? parsePostgresArray(text) : JSON.parse(text);
    if (Array.isArray(names)) return names.filter((name) => typeof name === "string");
  } catch {
    // reported below
  }
  throw new RowError("amenities is not a list", text);
}

/** The URL of the photo, which is stored and not downloaded. */
function photoUrl(text: string, { note }: MappingContext): string | null {
  if (text === "") return null;
  const url = text.replace(/^http:/, "https:");
  if (/^https:\/\/[^\s<>"\\]+$/.test(url) && url.length <= 2_000) return url;
  note("with an invalid picture_url: imported without photo");
  return null;
}
