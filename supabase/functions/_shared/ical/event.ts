// One VEVENT: its shapes are checked, then ical.js reads it. The checks come first because some values would hang the parser
// (a duration of 10^18 weeks, a rule that never matches), and it takes 31 September for 1 October.

import ICAL from "ical.js";
import { dayIn, dayNumber, dayText, isTimeZone } from "./days.ts";
import { exceptionsOf, isReadable, withLocalEnd } from "./repetitions.ts";

/** An event that cannot be used; the rest of the feed can. */
export class EventError extends Error {}

export interface ReadOptions {
  /** IANA zone of the property. */
  timeZone: string;
  /** In the property's time zone. */
  today: string;
}

/** A VEVENT and its nights; several when it repeats. */
export interface ParsedEvent {
  uid: string;
  sequence: number;
  /** The day of the repetition that it replaces. */
  replaces: string | undefined;
  /** False when it is cancelled or transparent. */
  blocks: boolean;
  /** As the channel calls it; only kindOf reads it. */
  summary: string;
  nights: [checkIn: string, checkOut: string][];
}

/** How many days ahead repetitions are read. */
const horizon = 730;
const mostRepetitions = 2_000;
/** How many days before and after today an event may begin. */
const [earliest, latest] = [-2 * 366, 5 * 366];

const moment = /^(\d{4})(\d{2})(\d{2})(?:T\d{6}Z?)?$/;
const duration = /^DURATION[^:]*:\+?P(?!$)(\d{1,4}W)?(\d{1,4}D)?(T(\d{1,5}H)?(\d{1,6}M)?(\d{1,7}S)?)?$/i;

interface Line {
  name: string;
  /** The line as ical.js shall read it. */
  text: string;
  zone: string | undefined;
}

/** A line with a moment as a DATE or a DATE-TIME without a zone, whose name is kept apart. */
function momentLine(name: string, line: string): Line {
  const value = line.slice(line.lastIndexOf(":") + 1);
  const parameters = line.slice(name.length, line.length - value.length);
  // of a period the beginning: it is as long as the others
  const parts = value.split(",").map((part) => part.replace(/\/.*/, ""));
  for (const part of parts) {
    const [, year, month, day] = moment.exec(part) ?? [];
    if (Number.isNaN(dayNumber(`${year}-${month}-${day}`))) throw new EventError("bad_date");
  }
  const isDate = parts.every((part) => /^\d{8}$/.test(part)) || /;VALUE=DATE(?:[;:])/i.test(parameters);
  const zone = /;TZID="?([^";:]+)"?/i.exec(parameters)?.[1];
  return {
    name,
    text: isDate
      ? `${name};VALUE=DATE:${parts.map((part) => part.slice(0, 8)).join(",")}`
      : `${name}:${parts.join(",")}`,
    zone: zone !== undefined && isTimeZone(zone) ? zone : undefined,
  };
}

function checkedLines(lines: string[]): Map<string, Line[]> {
  const checked = new Map<string, Line[]>();
  for (const line of lines) {
    const name = /^[A-Z-]+/i.exec(line)?.[0].toUpperCase() ?? "";
    const isList = name === "EXDATE" || name === "RDATE";
    // the first of each counts
    if (!isList && name !== "RRULE" && checked.has(name)) continue;
    if (isList && line.endsWith(":")) continue;
    if (name === "DURATION" && !duration.test(line)) throw new EventError("bad_duration");
    if (name === "RRULE" && !isReadable(line)) throw new EventError("bad_rule");
    // it would move all later repetitions
    if (name === "RECURRENCE-ID" && /;RANGE=/i.test(line)) throw new EventError("bad_rule");
    const isMoment = isList || ["DTSTART", "DTEND", "RECURRENCE-ID"].includes(name);
    checked.set(name, [
      ...(checked.get(name) ?? []),
      isMoment ? momentLine(name, line) : { name, text: line, zone: undefined },
    ]);
  }
  return checked;
}

/** @throws EventError, or an error of ical.js */
export function readEvent(lines: string[], { timeZone, today }: ReadOptions): ParsedEvent {
  const checked = checkedLines(lines);
  const startLine = checked.get("DTSTART")?.[0];
  if (startLine === undefined) throw new EventError("no_start");
  const stated = {
    isDate: startLine.text.includes(";VALUE=DATE:"),
    isUtc: /Z$/i.test(startLine.text),
    zone: startLine.zone ?? timeZone,
  };
  const isExcepted = exceptionsOf(checked.get("EXDATE") ?? [], stated, timeZone);
  checked.delete("EXDATE");
  // what replaces one day does not repeat
  for (const name of checked.has("RECURRENCE-ID") ? ["RRULE", "RDATE"] : []) checked.delete(name);
  const rules = checked.get("RRULE") ?? [];
  checked.delete("RRULE");
  for (const rule of rules) rule.text = withLocalEnd(rule.text, stated);
  const componentWith = (rule: Line | undefined) =>
    new ICAL.Component(
      ICAL.parse(
        [
          "BEGIN:VEVENT",
          ...[...checked.values(), rule ?? []].flat().map(({ text }) => text),
          "END:VEVENT",
        ].join("\r\n"),
      ),
    );
  const component = componentWith(rules[0]);
  const text = (name: string) => String(component.getFirstPropertyValue(name) ?? "");
  const time = (name: string) => component.getFirstPropertyValue(name) as ICAL.Time | null;

  const wallOf = ({ year, month, day, hour, minute, second }: ICAL.Time) =>
    Date.UTC(year, month - 1, day, hour, minute, second);
  /** The day in the property's zone; a time without a known zone is one of the property's. */
  function dayOf(value: ICAL.Time, zone: string | undefined): string {
    const wall = wallOf(value);
    if (value.isDate) return dayText(wall / 86_400_000);
    const from = value.zone === ICAL.Timezone.utcTimezone ? "UTC" : (zone ?? timeZone);
    return dayIn(timeZone, wall, from);
  }
  const zoneOf = (name: string) => checked.get(name)?.[0]?.zone;

  const start = time("dtstart");
  if (start === null) throw new EventError("no_start");
  // ical.js takes 29 February for 1 March in other years
  const isLeapDay =
    start.month === 2 && start.day === 29 && rules.some(({ text }) => /FREQ=YEARLY/i.test(text));
  const first = dayNumber(dayOf(start, zoneOf("DTSTART")));
  let end = time("dtend");
  let endZone = zoneOf("DTEND");
  const length = component.getFirstPropertyValue("duration") as ICAL.Duration | null;
  if (end === null && length !== null) {
    end = start.clone();
    end.addDuration(length);
    endZone = zoneOf("DTSTART");
  }
  const nights = end === null ? 1 : dayNumber(dayOf(end, endZone)) - first;
  if (!(nights >= 0)) throw new EventError("end_before_start");
  const now = dayNumber(today);
  if (first > now + latest) throw new EventError("too_far_ahead");

  const starts = new Set<number>();
  if (rules.length > 0 || checked.has("RDATE")) {
    if (first < now + earliest) throw new EventError("repeats_too_long");
    let count = 0;
    // one rule after the other: ical.js ends with the first that ends
    for (const each of rules.length > 1 ? rules.map(componentWith) : [component]) {
      const repetitions = new ICAL.Event(each).iterator();
      for (let next = repetitions.next(); next; next = repetitions.next()) {
        if (++count > mostRepetitions) throw new EventError("repeats_too_often");
        const day = dayNumber(dayOf(next, zoneOf("DTSTART")));
        if (day > now + horizon) break;
        if (!isExcepted(wallOf(next)) && !(isLeapDay && next.month === 3 && next.day === 1)) starts.add(day);
      }
    }
  }
  // ical.js leaves it out beside an RDATE alone
  if (rules.length === 0 && !isExcepted(wallOf(start))) starts.add(first);
  const recurrence = time("recurrence-id");
  const upper = (name: string) => text(name).toUpperCase();
  return {
    uid: text("uid"),
    sequence: Number(text("sequence")) || 0,
    replaces:
      recurrence === null
        ? undefined
        : // of an event in whole days it is the day as it is written, whatever its zone
          stated.isDate
          ? dayText(Math.floor(wallOf(recurrence) / 86_400_000))
          : dayOf(recurrence, zoneOf("RECURRENCE-ID")),
    blocks: upper("status") !== "CANCELLED" && upper("transp") !== "TRANSPARENT",
    summary: text("summary"),
    nights: [...starts].map((day) => [
      dayText(day),
      dayText(Math.min(day + Math.max(1, nights), now + latest + 1)),
    ]),
  };
}
