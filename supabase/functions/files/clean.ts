// Recognises a file by its bytes, and removes what must not be passed on: the location, time, author and device in pictures.
// Pixels, colours and orientation are kept.

import { cleanAvif } from "./avif.ts";
import { ascii, type Problem, Refusal } from "./bytes.ts";
import { cleanJpeg } from "./jpeg.ts";
import { cleanPdf } from "./pdf.ts";
import { cleanPng } from "./png.ts";
import { cleanWebp } from "./webp.ts";

/**
 * The MIME type of a file; undefined for one that is not among these.
 *
 * Signatures: PNG (W3C PNG, 5.2), JPEG (ITU-T T.81, SOI and a marker), WebP (RFC 9649, 2.4), AVIF and HEIC (the `ftyp` box of
 * ISO 14496-12 with their brands), PDF (ISO 32000-2, 7.5.2).
 */
export function typeOf(bytes: Uint8Array): string | undefined {
  if (ascii(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return "image/png";
  if (ascii(bytes, 0, 3) === "\xff\xd8\xff") return "image/jpeg";
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return "image/webp";
  if (ascii(bytes, 0, 5) === "%PDF-") return "application/pdf";
  if (ascii(bytes, 4, 8) !== "ftyp") return undefined;
  const brands = ascii(bytes, 8, 64).match(/.{4}/gs) ?? [];
  if (brands.some((brand) => /^avi[fs]$/.test(brand))) return "image/avif";
  return brands.some((brand) => /^(he(i[cxms]|v[cxms])|mif1|msf1)$/.test(brand)) ? "image/heic" : undefined;
}

const cleaners: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  "image/jpeg": cleanJpeg,
  "image/png": cleanPng,
  "image/webp": cleanWebp,
  "image/avif": cleanAvif,
  "application/pdf": cleanPdf,
};

/** @param declared the type that the uploader declared; a file of another type is broken */
export function clean(bytes: Uint8Array, declared: string): Uint8Array | Problem {
  const type = typeOf(bytes);
  if (type === "image/heic") return "unsupported";
  const cleaner = type === declared ? cleaners[type] : undefined;
  if (cleaner === undefined) return "broken";
  try {
    return cleaner(bytes);
  } catch (error) {
    if (error instanceof Refusal) return error.problem;
    // a position outside the file
    if (error instanceof RangeError) return "broken";
    throw error;
  }
}
