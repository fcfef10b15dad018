// Which parts of an image are removed and which are kept.

import assert from "node:assert/strict";
import { withoutMetadata } from "./metadata.ts";

const bytes = (...parts: (string | number[])[]) =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)),
  );
const segment = (marker: number, content: string) =>
  bytes([0xff, marker, (content.length + 2) >> 8, (content.length + 2) & 255], content);
const join = (...parts: Uint8Array[]) => bytes(...parts.map((part) => [...part]));

/** Exif of a phone: little-endian, orientation 6 (the top is right), and a directory of GPS. */
const tiff =
  "II*\0\x08\0\0\0\x02\0" +
  "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0" +
  "\x25\x88\x04\0\x01\0\0\0\x26\0\0\0" +
  "\0\0\0\0" +
  "\x01\0\x01\0\x02\0\x02\0\0\0N\0\0\0\0\0\0\0";
const upright = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

const start = bytes([0xff, 0xd8]);
const end = bytes([0xff, 0xd9]);
const jfif = segment(0xe0, "JFIF\0\x01\x01");
const colours = segment(0xe2, "ICC_PROFILE\0sRGB");
const adobe = segment(0xee, "Adobe\0d");
const tables = segment(0xdb, "quantisation");
const picture = join(segment(0xda, "scan"), bytes("pixels", [0xff, 0x00, 0xff, 0xd0], "more"));

Deno.test("a JPEG loses its location and keeps its orientation", () => {
  const photo = join(
    start,
    jfif,
    segment(0xe1, `Exif\0\0${tiff}`),
    segment(0xe1, "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta exif:GPSLatitude='38,42.47N'/>"),
    colours,
    segment(0xe2, "MPF\0"),
    segment(0xed, "Photoshop 3.0\0city"),
    segment(0xed, "Adobe_Photoshop2.5:city"),
    adobe,
    segment(0xfe, "Rua Secreta 77"),
    tables,
    picture,
    segment(0xc4, "tables of the second scan"),
    picture,
    end,
    bytes("a second image with Exif data"),
  );
  assert.deepEqual(
    withoutMetadata(photo, "image/jpeg"),
    join(
      start,
      jfif,
      segment(0xe1, upright),
      colours,
      adobe,
      tables,
      picture,
      segment(0xc4, "tables of the second scan"),
      picture,
      end,
    ),
  );
});

Deno.test("a JPEG without metadata does not change, nor does one that was cleaned before", () => {
  for (const photo of [
    join(start, jfif, tables, picture, end),
    join(start, segment(0xe1, upright), tables, picture, end),
  ]) {
    assert.equal(withoutMetadata(photo, "image/jpeg"), photo);
  }
});

Deno.test("a truncated JPEG and a JPEG with invalid segments are broken", () => {
  for (const photo of [
    join(start, jfif),
    join(start, tables, picture),
    join(start, bytes([0xff, 0xe1, 0xff, 0xff], "short"), end),
    join(start, bytes("no segment"), end),
  ]) {
    assert.equal(withoutMetadata(photo, "image/jpeg"), "broken");
  }
});

Deno.test("Exif with invalid offsets is removed", () => {
  for (const content of [
    "",
    "II*\0\xff\xff\xff\xff\0\0\0\0\0\0",
    "II*\0\x08\0\0\0\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
  ]) {
    const photo = join(start, segment(0xe1, `Exif\0\0${content}`), tables, picture, end);
    assert.deepEqual(withoutMetadata(photo, "image/jpeg"), join(start, tables, picture, end));
  }
});

const chunk = (name: string, data: string) => bytes([0, 0, 0, data.length], name, data, "CRC!");
const signature = bytes("\x89PNG\r\n\x1a\n");

Deno.test("a PNG loses Exif, texts, the time and the bytes after its end", () => {
  const kept = [chunk("IHDR", "size"), chunk("pHYs", "dpi"), chunk("IDAT", "pixels"), chunk("IEND", "")];
  const [head = start, dpi = start, pixels = start, iend = start] = kept;
  const photo = join(
    signature,
    head,
    dpi,
    chunk("eXIf", tiff),
    chunk("tEXt", "Comment\0Rua Secreta 77"),
    chunk("iTXt", "XML:com.adobe.xmp"),
    pixels,
    chunk("tIME", "noon"),
    iend,
    bytes("more"),
  );
  assert.deepEqual(withoutMetadata(photo, "image/png"), join(signature, ...kept));
  assert.equal(withoutMetadata(join(signature, head, pixels), "image/png"), "broken");
});

Deno.test("a WebP loses Exif and XMP, and their bits in the header", () => {
  const riff = (size: number, ...chunks: Uint8Array[]) =>
    join(bytes("RIFF", [size, 0, 0, 0], "WEBP"), ...chunks);
  const part = (name: string, data: string) =>
    bytes(name, [data.length, 0, 0, 0], data, data.length % 2 ? [0] : []);
  const photo = riff(
    72,
    part("VP8X", "\x2c\0\0\0\0\0\0\0\0\0"),
    part("VP8 ", "pixel"),
    part("EXIF", "where it was"),
    part("XMP ", "and when"),
  );
  assert.equal(photo.length, 80);
  assert.deepEqual(
    withoutMetadata(photo, "image/webp"),
    riff(36, part("VP8X", "\x20\0\0\0\0\0\0\0\0\0"), part("VP8 ", "pixel")),
  );
  assert.equal(withoutMetadata(photo.subarray(0, 40), "image/webp"), "broken");
});

Deno.test("an AVIF with metadata cannot be cleaned; one without metadata does not change", () => {
  const box = (name: string, data: string) => bytes([0, 0, 0, data.length + 8], name, data);
  const item = (type: string) => `\0\0\0\x15infe\x02\0\0\0\0\x01\0\0${type}\0`;
  const avif = (...types: string[]) =>
    join(
      box("ftyp", "avif\0\0\0\0"),
      box("meta", `\0\0\0\0${types.map(item).join("")}`),
      box("mdat", "pixels"),
    );
  const plain = avif("av01");
  assert.equal(withoutMetadata(plain, "image/avif"), plain);
  for (const photo of [avif("av01", "Exif"), avif("av01", "mime"), join(plain, box("uuid", "anything"))]) {
    assert.equal(withoutMetadata(photo, "image/avif"), "metadata");
  }
});
