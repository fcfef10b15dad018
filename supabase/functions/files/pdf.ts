// PDF (ISO 32000-2, 7.5): it is passed on as it is, without what follows its end.

import { ascii, require } from "./bytes.ts";

/** Readers look for the end in so many last bytes. */
const tail = 1024;

export function cleanPdf(bytes: Uint8Array): Uint8Array {
  const from = Math.max(0, bytes.length - tail);
  const end = ascii(bytes, from, bytes.length).lastIndexOf("%%EOF");
  require(end !== -1);
  return bytes.subarray(0, from + end + "%%EOF".length);
}
