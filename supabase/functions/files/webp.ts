// WebP (RFC 9649, 2).

import { ascii, codes, join, require, requireSize, viewOf } from "./bytes.ts";
import { orientationOf, tiffOf } from "./orientation.ts";

const bits = { xmp: 0x04, exif: 0x08 };

interface Chunk {
  name: string;
  content: Uint8Array;
}

/** Keeps the chunks of image data, colours and animation, and the orientation. */
export function cleanWebp(bytes: Uint8Array): Uint8Array {
  require(bytes.length >= 20);
  const end = 8 + viewOf(bytes).getUint32(4, true);
  require(end <= bytes.length);
  const chunks = [...chunksOf(bytes.subarray(12, end))];
  const [head] = chunks;
  const data = chunks.filter(({ name }) => /^(VP8 |VP8L|ALPH|ANIM|ANMF|ICCP)$/.test(name));
  require(head !== undefined && data.some(({ name }) => /^(VP8 |VP8L|ANMF)$/.test(name)));
  for (const chunk of chunks) checkSize(chunk);
  const parts = data.map((chunk) => (chunk.name === "ANMF" ? cleanFrame(chunk) : chunk));
  if (head.name === "VP8X") {
    const exif = chunks.find(({ name }) => name === "EXIF")?.content ?? new Uint8Array();
    const tiff = tiffOf(orientationOf(ascii(exif, 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif));
    const content = head.content.slice();
    content[0] = ((content[0] ?? 0) & ~(bits.exif | bits.xmp)) | (tiff === undefined ? 0 : bits.exif);
    parts.unshift({ name: "VP8X", content });
    if (tiff !== undefined) parts.push({ name: "EXIF", content: tiff });
  }
  const body = join(parts.map(written));
  const result = join([Uint8Array.of(...codes("RIFF"), 0, 0, 0, 0, ...codes("WEBP")), body]);
  viewOf(result).setUint32(4, result.length - 8, true);
  return result;
}

function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = viewOf(bytes).getUint32(at + 4, true);
    const end = at + 8 + length;
    require(end <= bytes.length);
    yield { name: ascii(bytes, at, at + 4), content: bytes.subarray(at + 8, end) };
    at = end + (length % 2);
  }
}

/** A frame of an animation: a header of 16 bytes, then chunks of its own. */
function cleanFrame({ name, content }: Chunk): Chunk {
  const chunks = [...chunksOf(content.subarray(16))].filter((chunk) => /^(VP8 |VP8L|ALPH)$/.test(chunk.name));
  for (const chunk of chunks) checkSize(chunk);
  return { name, content: join([content.subarray(0, 16), ...chunks.map(written)]) };
}

function checkSize({ name, content }: Chunk): void {
  const view = viewOf(content);
  const uint24 = (at: number) => view.getUint16(at, true) + view.getUint8(at + 2) * 0x10000;
  if (name === "VP8X") {
    require(content.length === 10);
    requireSize(uint24(4) + 1, uint24(7) + 1);
  } else if (name === "VP8 ") {
    require(content.length >= 10 && ascii(content, 3, 6) === "\x9d\x01\x2a");
    requireSize(view.getUint16(6, true) & 0x3fff, view.getUint16(8, true) & 0x3fff);
  } else if (name === "VP8L") {
    require(content.length >= 5 && content[0] === 0x2f);
    const size = view.getUint32(1, true);
    requireSize((size & 0x3fff) + 1, ((size >> 14) & 0x3fff) + 1);
  } else if (name === "ANMF") {
    require(content.length >= 24);
    requireSize(uint24(6) + 1, uint24(9) + 1);
  }
}

function written({ name, content }: Chunk): Uint8Array {
  const chunk = new Uint8Array(8 + content.length + (content.length % 2));
  chunk.set(codes(name));
  viewOf(chunk).setUint32(4, content.length, true);
  chunk.set(content, 8);
  return chunk;
}
