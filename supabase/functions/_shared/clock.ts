// The time of the project. On the embedded stack, `npm run clock` lets days pass; everywhere else this is the real time.
// Signatures, tokens and time limits use Date.now, because they hold in real time.

import { readFileSync } from "node:fs";

/** Milliseconds since 1970. */
export type Clock = () => number;

/** @param file holds the milliseconds that the clock is ahead; without it, the clock shows the real time */
export function createClock(file: string | undefined): Clock {
  return file === undefined ? Date.now : () => Date.now() + millisecondsAhead(file);
}

/** How far the clock has been moved; 0 when it never was. */
export function millisecondsAhead(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return 0;
    throw error;
  }
}
