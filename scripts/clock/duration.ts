// Lengths of time, as `npm run clock` takes them: +3d, +12h, +20m, +1d12h.

import { StackError } from "../lib/errors.ts";

export const day = 86_400_000;
const units: Record<string, number> = { d: day, h: 3_600_000, m: 60_000 };
const longest = 366 * day;

/** The milliseconds of a length such as "+1d12h". @throws StackError when it is none, goes back, or is longer than 366 days */
export function parseDuration(text: string): number {
  if (text.startsWith("-")) {
    throw new StackError(
      `The clock goes forward only, so it cannot move by ${text}.`,
      "`npm run clock -- --reset` restores the data as they were before the first move.",
    );
  }
  const parts = [...text.matchAll(/(\d{1,6})([dhm])/g)];
  const rest = text.replace(/^\+/, "").replaceAll(/\d{1,6}[dhm]/g, "");
  const length = parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (units[unit] ?? 0), 0);
  if (rest !== "" || length === 0) {
    throw new StackError(
      `"${text}" is not a length of time.`,
      "Write days, hours and minutes: +3d, +12h, +20m, +1d12h.",
    );
  }
  if (length > longest)
    throw new StackError(`${text} is too long.`, "Move the clock by at most 366 days at once.");
  return length;
}

/** A length in words, such as "3 d 12 h". */
export function inWords(milliseconds: number): string {
  const days = Math.floor(milliseconds / day);
  const hours = Math.floor((milliseconds % day) / 3_600_000);
  const minutes = Math.floor((milliseconds % 3_600_000) / 60_000);
  const parts = [
    days > 0 ? `${days} d` : "",
    hours > 0 ? `${hours} h` : "",
    minutes > 0 ? `${minutes} min` : "",
  ];
  return parts.filter((part) => part !== "").join(" ") || "0 min";
}
