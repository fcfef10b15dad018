// Reading the bytes of a file, and joining parts of them.

/** Why a file is refused: it is not a whole file of its type, it is of a variant that cannot be cleaned, or its picture is too large. */
export type Problem = "broken" | "unsupported" | "too_large";

/** Thrown by the cleaner of a format; `clean` turns it into its problem. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem);
    this.problem = problem;
  }
}

/** @throws Refusal `broken` unless the condition holds */
export function require(condition: boolean): asserts condition {
  if (!condition) throw new Refusal("broken");
}

/** In pixels. Phones take pictures of up to 50 megapixels; more make the programs that show them run out of memory. */
const largest = { side: 20_000, area: 100_000_000 };

/** @throws Refusal for a picture without pixels, or with too many */
export function requireSize(width: number, height: number): void {
  require(width > 0 && height > 0);
  if (Math.max(width, height) > largest.side || width * height > largest.area) throw new Refusal("too_large");
}

export const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const codes = (text: string) => [...text].map((character) => character.charCodeAt(0));

/** The bytes from `from` to `to` as Latin-1 text. */
export function ascii(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (const byte of bytes.subarray(from, to)) text += String.fromCharCode(byte);
  return text;
}

export function join(parts: Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
