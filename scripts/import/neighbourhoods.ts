// Neighbourhoods of a city from Inside Airbnb's neighbourhoods.geojson, found by name or by the polygon that contains a point.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { booleanPointInPolygon } from "@turf/boolean-point-in-polygon";
import { z } from "zod";
import { StackError } from "../lib/errors.ts";
import { fileSize } from "./records.ts";
import { plainLine } from "./values.ts";

export interface Neighbourhoods {
  /** The named neighbourhood if it is on the map, otherwise the one that contains the point, otherwise the named one. */
  find(named: string | null, latitude: number, longitude: number): string | null;
}

const ring = z.array(z.tuple([z.number(), z.number()]).rest(z.number())).min(4);
const schema = z.object({
  type: z.literal("FeatureCollection"),
  features: z
    .array(
      z.object({
        properties: z.object({ neighbourhood: z.string() }),
        geometry: z.discriminatedUnion("type", [
          z.object({ type: z.literal("Polygon"), coordinates: z.array(ring).min(1) }),
          z.object({ type: z.literal("MultiPolygon"), coordinates: z.array(z.array(ring).min(1)).min(1) }),
        ]),
      }),
    )
    .min(1),
});

type Geometry = z.infer<typeof schema>["features"][number]["geometry"];

/** Reads a map. @throws StackError with the expected format when it is another file */
export async function readNeighbourhoods(path: string): Promise<Neighbourhoods> {
  await fileSize(path);
  const areas = parse(path, await readFile(path, "utf8")).features.flatMap(({ properties, geometry }) => {
    const name = plainLine(properties.neighbourhood, 100);
    return name === null ? [] : [{ name, geometry, box: boundingBox(geometry) }];
  });
  const names = new Set(areas.map((area) => area.name));
  return {
    find(named, latitude, longitude) {
      if (named !== null && names.has(named)) return named;
      const area = areas.find(
        ({ box, geometry }) =>
          longitude >= box.west &&
          longitude <= box.east &&
          latitude >= box.south &&
          latitude <= box.north &&
          booleanPointInPolygon([longitude, latitude], geometry),
      );
      return area?.name ?? named;
    },
  };
}

/** Without a map, the neighbourhood that the listing names. */
export const withoutMap: Neighbourhoods = { find: (named) => named };

function parse(path: string, text: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new StackError(
      `${basename(path)} is not a map of neighbourhoods.`,
      'Expected GeoJSON: a FeatureCollection of Polygon or MultiPolygon features with the property "neighbourhood", ' +
        "such as Inside Airbnb's neighbourhoods.geojson.",
    );
  }
}

/** A box rules most polygons out faster than their outlines do. */
function boundingBox(geometry: Geometry) {
  const points = geometry.type === "Polygon" ? geometry.coordinates.flat() : geometry.coordinates.flat(2);
  const box = { west: 180, east: -180, south: 90, north: -90 };
  for (const [longitude, latitude] of points) {
    box.west = Math.min(box.west, longitude);
    box.east = Math.max(box.east, longitude);
    box.south = Math.min(box.south, latitude);
    box.north = Math.max(box.north, latitude);
  }
  return box;
}
