// The events of a calendar file, as the lines that matter. Only they reach the parser, which refuses a whole feed for one broken
// line; what a channel writes about its guests is left out here.

import { FeedError } from "./lines.ts";

const known =
  /^(?:UID|DTSTART|DTEND|DURATION|RRULE|EXDATE|RDATE|RECURRENCE-ID|SEQUENCE|STATUS|TRANSP|SUMMARY)[;:]/i;

/**
 * Cuts the VEVENTs out of the VCALENDARs of a file.
 *
 * @throws FeedError unless the file begins and ends with a VCALENDAR, and each BEGIN has its END: a cut-off file must not free nights
 */
export function eventsOf(lines: string[]): string[][] {
  const events: string[][] = [];
  const open: string[] = [];
  let event: string[] = [];
  for (const line of lines) {
    const [, edge, name = ""] = /^(BEGIN|END):(.+)$/i.exec(line)?.map((part) => part.toUpperCase()) ?? [];
    if (edge === "BEGIN") {
      if ((open.length === 0) !== (name === "VCALENDAR")) throw new FeedError("not_a_calendar");
      open.push(name);
      if (open.length === 2 && name === "VEVENT") event = [];
    } else if (edge === "END") {
      if (open.pop() !== name) throw new FeedError("not_a_calendar");
      if (open.length === 1 && name === "VEVENT") events.push(event);
    } else if (open.length === 0) {
      throw new FeedError("not_a_calendar");
    } else if (open.length === 2 && open[1] === "VEVENT" && known.test(line)) {
      event.push(line);
    }
  }
  if (open.length > 0 || lines.length === 0) throw new FeedError("not_a_calendar");
  return events;
}
