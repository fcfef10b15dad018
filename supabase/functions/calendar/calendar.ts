// A property's calendar as an iCalendar file (RFC 5545, RFC 7986). The same nights make the same bytes.

import ical from "ical-generator";

/** Nights that a channel receives, as calendar_to_export returns them. */
export interface ExportedNights {
  /** Of the booking or block; it stays the same when the nights change. */
  id: string;
  /** YYYY-MM-DD. */
  check_in: string;
  check_out: string;
  is_stay: boolean;
  /** How often the nights changed. */
  changes: number;
  changed_at: string;
}

export interface ExportedCalendar {
  property_id: string;
  nights: ExportedNights[];
}

/** Some channels refuse a calendar without an event, or take it for an error. */
const placeholder: ExportedNights = {
  id: "placeholder",
  check_in: "2020-01-01",
  check_out: "2020-01-02",
  is_stay: false,
  changes: 0,
  changed_at: "2020-01-01T00:00:00Z",
};

/** How often a channel should read it, in seconds. */
const refresh = 30 * 60;

export function writeCalendar({ property_id, nights }: ExportedCalendar): string {
  const calendar = ical({
    prodId: { company: "Staybase", product: "Calendar", language: "EN" },
    ttl: refresh,
  });
  for (const night of nights.length > 0 ? nights : [placeholder]) {
    const changed = new Date(night.changed_at);
    calendar.createEvent({
      // by this ending the sync recognises the nights when a channel sends them back
      id: `${night.id}@${property_id}.staybase`,
      start: new Date(`${night.check_in}T00:00:00Z`),
      end: new Date(`${night.check_out}T00:00:00Z`),
      allDay: true,
      timezone: "UTC",
      summary: night.is_stay ? "Reserved" : "Not available",
      sequence: night.changes,
      stamp: changed,
      lastModified: changed,
    });
  }
  const text = calendar.toString();
  return text.endsWith("\r\n") ? text : `${text}\r\n`;
}
