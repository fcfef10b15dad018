// When an event repeats: which rules are read, where they end, and which days are excepted. A rule is read only when it has a day in
// every period, because ical.js looks for the next day without end.

import { dayIn, dayText, momentAt, wallTime } from "./days.ts";

const weekdays = "(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:MO|TU|WE|TH|FR|SA|SU))*";
const numbered = "(?:[+-]?[1-4])?(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:[+-]?[1-4])?(?:MO|TU|WE|TH|FR|SA|SU))*";
const monthDays = "-?(?:[1-9]|1\\d|2[0-8])(?:,-?(?:[1-9]|1\\d|2[0-8]))*";
const months = "(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2]))*";
const always = [
  "INTERVAL=[1-9]\\d{0,2}",
  "COUNT=[1-9]\\d{0,4}",
  "UNTIL=\\d{8}(?:T\\d{6}Z?)?",
  `WKST=${weekdays}`,
];
const rules = [
  ["FREQ=DAILY"],
  ["FREQ=DAILY", "INTERVAL=1", `BYDAY=${weekdays}`],
  ["FREQ=WEEKLY", `BYDAY=${weekdays}`],
  ["FREQ=MONTHLY", `BYDAY=${numbered}`],
  ["FREQ=MONTHLY", "INTERVAL=1", `BYMONTH=${months}`, `BYDAY=${numbered}`],
  ["FREQ=MONTHLY", `BYMONTHDAY=${monthDays}`],
  ["FREQ=YEARLY", `BYMONTH=${months}`, `BYDAY=${numbered}`],
  ["FREQ=YEARLY", `BYMONTH=${months}`, `BYMONTHDAY=${monthDays}`],
].map((parts) => {
  // every seventh day may never be a Monday, every twelfth month never May
  const allowed = parts.includes("INTERVAL=1") ? always.slice(1) : always;
  return new RegExp(`^RRULE(?:;[^:]*)?:(?:(?:${[...allowed, ...parts].join("|")})(?:;|$))+$`, "i");
});

/** @param line an RRULE */
export function isReadable(line: string): boolean {
  const isWhole = !/FREQ=YEARLY/i.test(line) || !/BYDAY|BYMONTHDAY/i.test(line) || /BYMONTH=/i.test(line);
  return isWhole && rules.some((rule) => rule.test(line));
}

/** How an event states its first day. */
export interface Start {
  isDate: boolean;
  isUtc: boolean;
  zone: string;
}

const momentOf = (text: string): [wall: number, isUtc: boolean] | undefined => {
  const [, y, mo, d, h, mi, s, z] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(Z?)$/i.exec(text) ?? [];
  if (y === undefined) return undefined;
  const [year, month, day, hour, minute, second] = [y, mo, d, h, mi, s].map(Number);
  return [Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second), z !== ""];
};

/** An RRULE without parameters, whose UNTIL is of the kind of its start: ical.js compares wall times, and channels write the end in UTC. */
export function withLocalEnd(line: string, { isDate, isUtc, zone }: Start): string {
  return line.replace(/^RRULE;[^:]*/i, "RRULE").replace(/UNTIL=([\dTZ]+)/i, (all, until: string) => {
    const [wall, untilIsUtc] = momentOf(until) ?? [];
    if (isDate) return `UNTIL=${until.slice(0, 8)}`;
    if (wall === undefined) return `UNTIL=${until}T235959${isUtc ? "Z" : ""}`;
    if (isUtc || !untilIsUtc) return all;
    return `UNTIL=${new Date(wallTime(wall, zone)).toISOString().replaceAll(/[-:]|\.\d+Z$/g, "")}`;
  });
}

/** The exceptions of an event, as moments in milliseconds and as days of the property. */
export function exceptionsOf(
  lines: { text: string; zone: string | undefined }[],
  start: Start,
  timeZone: string,
) {
  const excepted = new Set<number | string>();
  for (const { text, zone } of lines) {
    for (const part of text.slice(text.lastIndexOf(":") + 1).split(",")) {
      const [wall, isUtc] = momentOf(part) ?? [];
      if (wall === undefined || start.isDate) {
        excepted.add(`${part.slice(0, 4)}-${part.slice(4, 6)}-${part.slice(6, 8)}`);
      } else {
        excepted.add(momentAt(wall, isUtc ? "UTC" : (zone ?? timeZone)));
      }
    }
  }
  /** @param wall of a repetition, as its start is stated */
  return (wall: number): boolean => {
    if (excepted.size === 0) return false;
    if (start.isDate) return excepted.has(dayText(wall / 86_400_000));
    const from = start.isUtc ? "UTC" : start.zone;
    return excepted.has(momentAt(wall, from)) || excepted.has(dayIn(timeZone, wall, from));
  };
}
