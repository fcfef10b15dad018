// One row of a listings file as a property. Null is what the file does not say: the database keeps what it has, or takes
// its default. Addresses of files are points that Airbnb has moved; they count as exact here, so that our own rule of
// privacy, which moves them again, is the same for every property.

import { createHash } from "node:crypto";
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
  time_zone: string;
  photo_url: string | null;
  /** Ids of our vocabulary; null when the file has no amenities. */
  amenities: string[] | null;
  host: { source_id: string; name: string | null; about: string | null; since: string | null };
}

/** What a row's place tells beside the row. */
export interface MappingContext {
  /** Decimal places of the currency of prices. */
  minorUnit: number;
  timeZone(latitude: number, longitude: number): string;
  neighbourhood(named: string | null, latitude: number, longitude: number): string | null;
  /** Counts something about rows that are loaded all the same, for the end of the report. */
  note(text: string): void;
}

const roomTypes: Record<string, string> = {
  "entire home/apt": "entire_home",
  "private room": "private_room",
  "hotel room": "hotel_room",
  "shared room": "shared_room",
};

/** Airbnb's kinds of place, after "Entire", "Private room in", "Shared room in", "Room in". Others become `other`. */
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
 * @param fields the row by the names of the columns
 * @throws RowError when something that a property must have is missing or wrong
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
  if (roomType === undefined) throw new RowError("room_type is none that Airbnb has", text("room_type"));
  const amenities = format === "detailed" ? readAmenities(text("amenities"), context) : null;
  const namedArea = plainLine(text(format === "detailed" ? "neighbourhood_cleansed" : "neighbourhood"), 100);
  const neighbourhood = context.neighbourhood(namedArea, latitude, longitude);
  return {
    line,
    source_id: sourceId(text("id"), text("host_id"), text("name"), context),
    title: title(text("name"), roomType, neighbourhood, context),
    description: plainText(text("description"), 10_000),
    property_type: propertyType(text("property_type"), roomType),
    room_type: roomType,
    // some hotels say 0
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
 * Spreadsheets round today's ids of 18 digits to "5.54287E+17", several to the same. Such a row is told apart by its host and
 * name; never by its point, which whoever reads source_id could then work out.
 */
function sourceId(id: string, host: string, name: string, { note }: MappingContext): string {
  if (/^\d{1,20}$/.test(id)) return id;
  if (!/^\d(\.\d+)?E\+\d{2}$/i.test(id)) throw new RowError("id is not a number", id);
  note("ids that a spreadsheet had rounded: those rows are told apart by host and name");
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
    note("without a name: called by kind of room and neighbourhood");
    const room = roomType.replace("_", " ");
    const kind = room.charAt(0).toUpperCase() + room.slice(1);
    return neighbourhood === null ? kind : `${kind} in ${neighbourhood}`;
  }
  if (line.endsWith("…") && !name.includes("…")) note("with a name longer than 150 characters: cut");
  return line;
}

function propertyType(text: string, roomType: string): string {
  const place = text.toLowerCase().replace(/^(entire|(private |shared )?room in|floor of)\s+/, "");
  return propertyTypes[place] ?? (roomType === "hotel_room" ? "hotel" : "other");
}

/** `bathrooms` is often blank while `bathrooms_text` says "1.5 shared baths" or "Half-bath". */
function bathrooms(number: string, text: string): number | null {
  const told = /^\d+(\.\d+)?/.exec(text)?.[0] ?? (/half-bath/i.test(text) ? "0.5" : "");
  const value = numberBetween("bathrooms", number === "" ? told : number, 0, 50);
  return value === null ? null : Math.round(value * 2) / 2;
}

function bookingMode(instant: boolean | null): Listing["booking_mode"] {
  if (instant === null) return null;
  return instant ? "instant" : "request";
}

/** Files know no longer stay than 1125 nights; what is above means "any". */
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
  const words = parseWords(text);
  const ids = new Set<string>();
  for (const word of words) {
    const found = amenityIds(word);
    if (found.length === 0) note("amenities beyond our vocabulary: left out");
    for (const id of found) ids.add(id);
  }
  return { ids: [...ids].sort(), pets: words.some((word) => /^pets allowed$/i.test(word.trim())) };
}

function parseWords(text: string): string[] {
  try {
    const words: unknown = JSON.parse(text);
    if (Array.isArray(words)) return words.filter((word) => typeof word === "string");
  } catch {
    // said below
  }
  throw new RowError("amenities is not a JSON list", text);
}

/** Photos stay where they are: the row holds the address that the file gives, and nothing is downloaded. */
function photoUrl(text: string, { note }: MappingContext): string | null {
  if (text === "") return null;
  const url = text.replace(/^http:/, "https:");
  if (/^https:\/\/[^\s<>"\\]+$/.test(url) && url.length <= 2_000) return url;
  note("with a picture_url that is no web address: without photo");
  return null;
}
