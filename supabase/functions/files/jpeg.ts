// JPEG (ITU-T T.81, B.1).

import { ascii, codes, join, Refusal, require, requireSize, viewOf } from "./bytes.ts";
import { orientationOf, tiffOf } from "./orientation.ts";

/**
 * Keeps the segments up to the end of the image. Of the application segments, JFIF without its thumbnail, the colour profile and
 * Adobe's colour transform stay; further images after the end, which phones add with their own location, go.
 */
export function cleanJpeg(bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, 2)];
  let sized = false;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at++; // padding
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    require(end <= bytes.length && end >= at + 4);
    const segment = bytes.subarray(at, end);
    if (isFrame(marker)) {
      require(segment.length >= 9);
      requireSize(view.getUint16(at + 7), view.getUint16(at + 5));
      sized = true;
    }
    parts.push(...keptOf(marker, segment));
    at = end;
    if (marker !== 0xda) continue;
    at = endOfScan(bytes, at);
    parts.push(bytes.subarray(end, at));
    if (bytes[at + 1] === 0xd9) {
      require(sized);
      return join([...parts, bytes.subarray(at, at + 2)]);
    }
  }
  throw new Refusal("broken");
}

/** A frame header (SOF) holds the size; C4, C8 and CC are other segments. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

function keptOf(marker: number, segment: Uint8Array): Uint8Array[] {
  const name = ascii(segment, 4, 16);
  if (marker === 0xe1 && name.startsWith("Exif\0\0")) {
    const tiff = tiffOf(orientationOf(segment.subarray(10)));
    if (tiff === undefined) return [];
    return [Uint8Array.of(0xff, 0xe1, 0, tiff.length + 8, ...codes("Exif\0\0"), ...tiff)];
  }
  if (marker === 0xe0 && name.startsWith("JFIF\0") && segment.length >= 18) {
    return [Uint8Array.of(0xff, 0xe0, 0, 16, ...segment.subarray(4, 16), 0, 0)];
  }
  const isColour =
    (marker === 0xe2 && name.startsWith("ICC_PROFILE\0")) || (marker === 0xee && name.startsWith("Adobe"));
  const isFree = (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
  return isColour || !isFree ? [segment] : [];
}

/** The data of a scan ends at a marker that is neither a restart nor an escaped FF. */
function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw new Refusal("broken");
}
