// The orientation of a picture, which is all that is kept of its Exif data.

import { ascii, codes, viewOf } from "./bytes.ts";

/** The tag Orientation (0x0112) in the first directory of an Exif TIFF (CIPA DC-008, 4.6); 1 when there is none. */
export function orientationOf(tiff: Uint8Array): number {
  const view = viewOf(tiff);
  if (tiff.length < 14) return 1;
  const isLittle = ascii(tiff, 0, 2) === "II";
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > tiff.length) return 1;
  for (let entry = 0; entry < view.getUint16(directory, isLittle); entry++) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > tiff.length) return 1;
    if (view.getUint16(at, isLittle) !== 0x0112) continue;
    const value = view.getUint16(at + 8, isLittle);
    return value <= 8 ? value : 1;
  }
  return 1;
}

/** A TIFF that contains only the orientation; undefined for an upright picture, which needs none. */
export function tiffOf(orientation: number): Uint8Array | undefined {
  if (orientation <= 1) return undefined;
  const entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
  return Uint8Array.of(...codes("MM"), 0, 42, 0, 0, 0, 8, 0, 1, ...entry, 0, 0, 0, 0);
}
