// Detects the format of an image by its first bytes.

/** How many bytes are searched for the brands of an AVIF image. */
const headLength = 32;

/**
 * Returns the MIME type of a JPEG, PNG, WebP or AVIF image; undefined for anything else.
 *
 * Signatures: PNG (W3C PNG, 5.2), JPEG (ITU-T T.81, SOI and a marker), WebP (RFC 9649, 2.4), AVIF (ISO 14496-12 `ftyp` box with
 * the brand `avif` or `avis`, as major or compatible brand).
 */
export function imageType(head: Uint8Array): string | undefined {
  const ascii = (from: number, to: number) => String.fromCharCode(...head.subarray(from, to));
  if (ascii(0, 8) === "\x89PNG\r\n\x1a\n" && ascii(12, 16) === "IHDR") return "image/png";
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return "image/jpeg";
  if (ascii(0, 4) === "RIFF" && ascii(8, 12) === "WEBP") return "image/webp";
  if (ascii(4, 8) === "ftyp" && /^avi[fs]|^.{8}(.{4})*avi[fs]/s.test(ascii(8, headLength)))
    return "image/avif";
  return undefined;
}
