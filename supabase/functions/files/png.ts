// PNG (W3C PNG, 5.3 and 11).

import { crc32 } from "node:zlib";
import { ascii, codes, join, Refusal, require, requireSize, viewOf } from "./bytes.ts";
import { orientationOf, tiffOf } from "./orientation.ts";

const kept = /^(IHDR|PLTE|IDAT|IEND|tRNS|cHRM|gAMA|iCCP|sBIT|sRGB|cICP|mDCV|cLLI|bKGD|pHYs|acTL|fcTL|fdAT)$/;

/** Keeps the chunks of image data, colours, physical size and animation, and the orientation. */
export function cleanPng(bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  require(bytes.length >= 33 && ascii(bytes, 12, 16) === "IHDR" && view.getUint32(8) === 13);
  requireSize(view.getUint32(16), view.getUint32(20));
  const parts = [bytes.subarray(0, 8)];
  let hasData = false;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    require(end <= bytes.length);
    const name = ascii(bytes, at + 4, at + 8);
    if (kept.test(name)) parts.push(bytes.subarray(at, end));
    if (name === "eXIf") parts.push(...orientationChunk(bytes.subarray(at + 8, end - 4)));
    if (name === "IDAT") hasData = true;
    if (name === "IEND") {
      require(hasData);
      return join(parts);
    }
    at = end;
  }
  throw new Refusal("broken");
}

function orientationChunk(exif: Uint8Array): Uint8Array[] {
  const tiff = tiffOf(orientationOf(exif));
  if (tiff === undefined) return [];
  const content = Uint8Array.of(...codes("eXIf"), ...tiff);
  const chunk = new Uint8Array(content.length + 8);
  chunk.set(content, 4);
  viewOf(chunk).setUint32(0, tiff.length);
  viewOf(chunk).setUint32(content.length + 4, crc32(content));
  return [chunk];
}
