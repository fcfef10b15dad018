// The lines of a calendar file (RFC 5545, section 3.1), from bytes, because a fold may lie inside a letter.

/** A feed as a whole that cannot be used. `code` becomes last_error of calendar_feeds. */
export class FeedError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** The largest feed that is read, in bytes. */
export const largestFeed = 2 * 1024 * 1024;

const [tab, lf, cr, space] = [9, 10, 13, 32];

/**
 * Unfolds and decodes a file. Lines end with CRLF, LF or CR; NUL and a byte order mark are left out.
 *
 * @throws FeedError when it is larger than 2 MiB
 */
export function linesOf(bytes: Uint8Array): string[] {
  if (bytes.length > largestFeed) throw new FeedError("too_large");
  const unfolded = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === cr || byte === lf) {
      if (byte === cr && bytes[at + 1] === lf) at++;
      const next = bytes[at + 1];
      if (next === space || next === tab) at++;
      else unfolded[length++] = lf;
    } else if (byte !== 0) {
      unfolded[length++] = byte;
    }
  }
  // the decoder leaves out a byte order mark
  return new TextDecoder()
    .decode(unfolded.subarray(0, length))
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}
