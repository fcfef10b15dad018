// The files that channels import, read back and held against the rules of RFC 5545.

import assert from "node:assert/strict";
import ICAL from "ical.js";
import { readFeed } from "../_shared/ical/feed.ts";
import { type ExportedNights, writeCalendar } from "./calendar.ts";
import { createHandler } from "./handler.ts";

const token = "0123456789abcdef0123456789abcdef";
const property_id = "7c0e4f5e-8a52-4a44-9d3a-0d8b6f1e2a11";
const booking: ExportedNights = {
  id: "11111111-8a52-4a44-9d3a-0d8b6f1e2a11",
  check_in: "2027-03-27",
  check_out: "2027-03-29",
  is_stay: true,
  changes: 2,
  changed_at: "2026-11-29T12:34:56+00:00",
};
const block = { ...booking, id: "22222222-8a52-4a44-9d3a-0d8b6f1e2a11", is_stay: false, changes: 0 };

function setUp(nights: ExportedNights[]) {
  const handle = createHandler({
    calendarOf: async (given) => (given === token ? { property_id, nights } : null),
    log: () => {},
  });
  return (path: string, init: RequestInit = {}) =>
    handle(new Request(`http://functions/calendar/${path}`, init));
}

Deno.test("the file says DATE values, stable identifiers, versions and nothing else", () => {
  const lines = writeCalendar({ property_id, nights: [booking] }).split("\r\n");
  assert.deepEqual(lines, [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Staybase//Calendar//EN",
    "REFRESH-INTERVAL;VALUE=DURATION:PT30M",
    "X-PUBLISHED-TTL:PT30M",
    "BEGIN:VEVENT",
    "UID:11111111-8a52-4a44-9d3a-0d8b6f1e2a11@7c0e4f5e-8a52-4a44-9d3a-0d8b6f1e2",
    " a11.staybase",
    "SEQUENCE:2",
    "DTSTAMP:20261129T123456Z",
    "DTSTART;VALUE=DATE:20270327",
    "DTEND;VALUE=DATE:20270329",
    "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
    "X-MICROSOFT-MSNCALENDAR-ALLDAYEVENT:TRUE",
    "SUMMARY:Reserved",
    "LAST-MODIFIED:20261129T123456Z",
    "END:VEVENT",
    "END:VCALENDAR",
    "",
  ]);
});

Deno.test("ical.js and our own reader read the same nights", () => {
  const file = writeCalendar({ property_id, nights: [booking, block] });
  const read = new ICAL.Component(ICAL.parse(file)).getAllSubcomponents("vevent").map((component) => {
    const { startDate, endDate, summary } = new ICAL.Event(component);
    return [startDate.toString(), endDate.toString(), summary];
  });
  assert.deepEqual(read, [
    ["2027-03-27", "2027-03-29", "Reserved"],
    ["2027-03-27", "2027-03-29", "Not available"],
  ]);
  const { events } = readFeed(new TextEncoder().encode(file), {
    timeZone: "Asia/Tokyo",
    today: "2026-12-01",
  });
  assert.deepEqual(events.map(({ kind }) => kind).sort(), ["closed", "stay"]);
});

Deno.test("lines have at most 75 octets, and no letter is cut", () => {
  const id = "é€😀".repeat(40);
  const file = writeCalendar({ property_id, nights: [{ ...booking, id }] });
  for (const line of file.split("\r\n")) {
    assert(new TextEncoder().encode(line).length <= 75, line);
    assert(!line.includes("\uFFFD"));
  }
  assert(!/[^\r]\n|\r[^\n]/.test(file));
  assert(file.replaceAll("\r\n ", "").includes(`UID:${id}@`));
});

Deno.test("an empty calendar has an event in the past", () => {
  const file = writeCalendar({ property_id, nights: [] });
  assert.match(file, /DTEND;VALUE=DATE:20200102/);
  assert.equal(file.match(/BEGIN:VEVENT/g)?.length, 1);
});

Deno.test("the same nights are the same bytes, and a caller that has them gets 304", async () => {
  const call = setUp([booking]);
  const first = await call(`${token}.ics`);
  assert.equal(first.status, 200);
  assert.equal(first.headers.get("content-type"), "text/calendar; charset=utf-8");
  const etag = first.headers.get("etag") ?? "";
  const body = await first.text();
  assert.equal(await (await call(`${token}.ics`)).text(), body);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await call(`${token}.ics`, { headers: { "if-none-match": known } });
    assert.deepEqual([again.status, await again.text(), again.headers.get("etag")], [304, "", etag], known);
  }
  const other = await call(`${token}.ics`, { headers: { "if-none-match": '"other"' } });
  assert.equal(other.status, 200);
  const changed = await setUp([{ ...booking, changes: 3 }])(`${token}.ics`);
  assert.notEqual(changed.headers.get("etag"), etag);
});

Deno.test("other paths and methods are refused", async () => {
  const call = setUp([booking]);
  for (const path of ["", "x.ics", `${token}`, `${token.replace("0", "1")}.ics`, `${token}.ics/x`]) {
    assert.equal((await call(path)).status, 404, path);
  }
  assert.equal((await call(`${token}.ics`, { method: "POST" })).status, 405);
  const head = await call(`${token}.ics`, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});
