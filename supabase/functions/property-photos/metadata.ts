// Removes the metadata of an image, such as location, time, author and device: phones store the coordinates of the
// property in every photo. Pixels, colours and orientation are kept.

/** Why an image is refused: it does not follow the format of its type, or its metadata cannot be removed. */
export type Problem = "broken" | "metadata";

/**
 * Returns the image without metadata, or the same array when it has none. Metadata of AVIF cannot be removed, because offsets refer
 * to positions in the whole file.
 *
 * @param type as returned by `imageType`
 */
export function withoutMetadata(bytes: Uint8Array, type: string): Uint8Array | Problem {
  const parts = partsOf(bytes, type);
  if (!Array.isArray(parts)) return parts;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const result = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  if (type === "image/webp") new DataView(result.buffer).setUint32(4, length - 8, true);
  return length === bytes.length && result.every((byte, index) => byte === bytes[index]) ? bytes : result;
}

function partsOf(bytes: Uint8Array, type: string): Uint8Array[] | Problem {
  if (type === "image/jpeg") return jpegParts(bytes) ?? "broken";
  if (type === "image/png") return pngParts(bytes) ?? "broken";
  if (type === "image/webp") return webpParts(bytes) ?? "broken";
  return avifHasMetadata(bytes) ? "metadata" : [bytes];
}

/**
 * JPEG (ITU-T T.81, B.1): segments up to the end of the image. Of the application segments, JFIF, the colour profile and Adobe's
 * colour transform are kept; further images after the end, which phones add with their own location, are dropped.
 */
function jpegParts(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at++; // padding
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length) return undefined;
    const segment = bytes.subarray(at, end);
    const content = segment.subarray(4);
    const isApplication = (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
    if (marker === 0xe1 && ascii(content, 0, 6) === "Exif\0\0") {
      const orientation = orientationOf(content.subarray(6));
      if (orientation > 1) parts.push(jpegOrientation(orientation));
    }
    const name = `${hex(marker)} ${ascii(content, 0, 12)}`;
    if (!isApplication || /^(e0 JFIF\0|e2 ICC_PROFILE\0|ee Adobe)/.test(name)) parts.push(segment);
    at = end;
    if (marker !== 0xda) continue;
    // The image data ends at a marker that is neither a restart nor an escaped FF.
    while (at + 1 < bytes.length && !(bytes[at] === 0xff && !/^(0|d[0-7]|ff)$/.test(hex(bytes[at + 1]))))
      at++;
    parts.push(bytes.subarray(end, at));
    if (bytes[at + 1] === 0xd9) return [...parts, bytes.subarray(at, at + 2)];
  }
  return undefined;
}

function jpegOrientation(orientation: number): Uint8Array {
  const content = Uint8Array.of(...codes("Exif\0\0"), ...tiffOf(orientation));
  return Uint8Array.of(0xff, 0xe1, 0, content.length + 2, ...content);
}

/** PNG (W3C PNG, 11): keeps the chunks of image data, colours, physical size and animation. */
function pngParts(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = viewOf(bytes);
  const kept =
    /^(IHDR|PLTE|IDAT|IEND|tRNS|cHRM|gAMA|iCCP|sBIT|sRGB|cICP|mDCV|cLLI|bKGD|pHYs|acTL|fcTL|fdAT)$/;
  const parts = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) return undefined;
    const name = ascii(bytes, at + 4, at + 8);
    if (kept.test(name)) parts.push(bytes.subarray(at, end));
    if (name === "IEND") return parts;
    at = end;
  }
  return undefined;
}

/** WebP (RFC 9649, 2.7): keeps the chunks of image data, and clears the Exif and XMP bits of the VP8X chunk. */
function webpParts(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = viewOf(bytes);
  const parts = [bytes.slice(0, 12)];
  const total = 8 + view.getUint32(4, true);
  if (total > bytes.length) return undefined;
  for (let at = 12; at + 8 <= total; ) {
    const name = ascii(bytes, at, at + 4);
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    if (end > total) return undefined;
    const chunk = bytes.slice(at, end);
    if (name === "VP8X") chunk[8] = (chunk[8] ?? 0) & ~0x0c;
    if (/^(VP8X|VP8 |VP8L|ALPH|ANIM|ANMF|ICCP)$/.test(name)) parts.push(chunk);
    at = end;
  }
  return parts.length > 1 ? parts : undefined;
}

/** AVIF (ISO 14496-12): whether `meta` lists Exif or XMP (`mime`) items, or the file contains boxes with free content. */
function avifHasMetadata(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at);
    const end = size === 0 ? bytes.length : at + size;
    const name = ascii(bytes, at + 4, at + 8);
    if (name === "uuid" || size === 1 || (size !== 0 && size < 8) || end > bytes.length) return true;
    if (name === "meta" && /infe.{8,10}(Exif|mime|uri )/s.test(ascii(bytes, at, end))) return true;
    if (name === "moov" && ascii(bytes, at, end).includes("udta")) return true;
    at = end;
  }
  return false;
}

/** The tag Orientation (0x0112) in the first directory of the Exif TIFF (CIPA DC-008, 4.6); 1 when there is none. */
function orientationOf(tiff: Uint8Array): number {
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

/** A TIFF that contains only the orientation. */
function tiffOf(orientation: number): number[] {
  const header = [...codes("MM"), 0, 42, 0, 0, 0, 8];
  const entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
  return [...header, 0, 1, ...entry, 0, 0, 0, 0];
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const codes = (text: string) => [...text].map((character) => character.charCodeAt(0));
const hex = (byte = 0) => byte.toString(16);

function ascii(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (const byte of bytes.subarray(from, to)) text += String.fromCharCode(byte);
  return text;
}
