// Days as numbers since 1970, and the day of a moment in a time zone.

const millisecondsOfDay = 86_400_000;

/** @param day such as `2027-03-05` @returns NaN for a day that does not exist, such as 31 September */
export function dayNumber(day: string): number {
  const number = Date.parse(`${day}T00:00:00Z`) / millisecondsOfDay;
  return Number.isFinite(number) && dayText(number) === day ? number : Number.NaN;
}

export function dayText(number: number): string {
  return new Date(number * millisecondsOfDay).toISOString().slice(0, 10);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** Wall time in a zone at a moment, as if it were UTC, in milliseconds. */
export function wallTime(moment: number, timeZone: string): number {
  const part = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(moment)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day, hour, minute, second } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** The moment at which a zone has a wall time. */
export function momentAt(wall: number, timeZone: string): number {
  const moment = wall - (wallTime(wall, timeZone) - wall);
  // once more with the offset of that moment, for the hours around a change of clocks
  return wall - (wallTime(moment, timeZone) - moment);
}

/** The day in one zone at a wall time of another. */
export function dayIn(timeZone: string, wall: number, from: string): string {
  const moment = momentAt(wall, from);
  return dayText(Math.floor(wallTime(moment, timeZone) / millisecondsOfDay));
}
