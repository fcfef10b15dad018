// Converts values of Inside Airbnb's files to values of our columns.

/** An invalid row or value. The report counts rows by `reason`, which does not contain the value. */
export class RowError extends Error {
  readonly reason: string;
  readonly value: string | undefined;

  constructor(reason: string, value?: string) {
    super(value === undefined ? reason : `${reason}: ${JSON.stringify(shorten(value, 60))}`);
    this.reason = reason;
    this.value = value;
  }
}

/** A number; null when blank. @throws RowError when it is not a number in the range */
export function numberBetween(column: string, text: string, min: number, max: number): number | null {
  if (text.trim() === "") return null;
  const value = Number(text);
  if (!(value >= min && value <= max)) {
    throw new RowError(`${column} is not a number from ${min} to ${max}`, text);
  }
  return value;
}

/** A whole number; Inside Airbnb writes some as "2.0". @throws RowError */
export function integerBetween(column: string, text: string, min: number, max: number): number | null {
  const value = numberBetween(column, text, min, max);
  if (value !== null && !Number.isInteger(value)) throw new RowError(`${column} is not a whole number`, text);
  return value;
}

/** A date YYYY-MM-DD that exists; null when blank. @throws RowError */
export function isoDate(column: string, text: string): string | null {
  if (text.trim() === "") return null;
  const date = new Date(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(date.getTime()) || isoDay(date) !== text) {
    throw new RowError(`${column} is not a date such as 2026-01-31`, text);
  }
  return text;
}

export function isoDay(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** "t" or "f"; null when blank. @throws RowError */
export function boolean(column: string, text: string): boolean | null {
  if (text === "") return null;
  if (text !== "t" && text !== "f") throw new RowError(`${column} is neither t nor f`, text);
  return text === "t";
}

/**
 * A price such as "$1,234.50" or "120" in minor units; null when blank or zero. The currency sign is ignored: files write $ for any
 * local currency, by Inside Airbnb's data dictionary.
 *
 * @param minorUnit decimal places of the currency
 * @throws RowError
 */
export function priceInMinorUnits(column: string, text: string, minorUnit: number): number | null {
  if (text.trim() === "") return null;
  const [, whole, fraction = ""] =
    /^[^\d.,\-()]*(\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(?:\.(\d+))?$/.exec(text.trim()) ?? [];
  if (whole === undefined) throw new RowError(`${column} is not a price such as $101.00`, text);
  const digits = fraction.padEnd(minorUnit + 1, "0");
  const minor = Number(whole.replaceAll(",", "") + digits.slice(0, minorUnit));
  const rounded = minor + (Number(digits[minorUnit]) >= 5 ? 1 : 0);
  return rounded === 0 ? null : rounded;
}

const entities: Record<string, string> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&nbsp;": " ",
};

/**
 * Plain text that private.is_plain_text accepts: without tags, control characters and direction marks, and with line breaks for
 * `<br />`. Null when nothing is left.
 */
export function plainText(text: string, maxLength: number): string | null {
  const plain = text
    .toWellFormed()
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/<br\s*\/?>/gi, "\n")
    .replaceAll(/<\/?(a|b|div|em|font|h[1-6]|hr|i|img|li|ol|p|small|span|strong|u|ul)(\s[^<>]*)?\/?>/gi, "")
    .replaceAll(/&(amp|lt|gt|quot|#39|nbsp);/g, (entity) => entities[entity] ?? entity)
    .replaceAll(/(?![\n\t])\p{Cc}|[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, "")
    .replaceAll(/<(?=[a-zA-Z/!])/g, "< ")
    .replaceAll(/[ \t]+\n/g, "\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
  return plain === "" ? null : shorten(plain, maxLength);
}

/** Plain text on one line. */
export function plainLine(text: string, maxLength: number): string | null {
  const plain = plainText(text, Number.POSITIVE_INFINITY)?.replaceAll(/\s+/g, " ").trim();
  return plain === undefined || plain === "" ? null : shorten(plain, maxLength);
}

/** Cuts text to at most `maxLength` code points, which is how the database counts; a cut text ends with an ellipsis. */
export function shorten(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const characters = [...text];
  return characters.length <= maxLength ? text : `${characters.slice(0, maxLength - 1).join("")}…`;
}
