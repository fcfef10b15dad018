// The faults of channels' feeds that the parser has to survive. The property is in Lisbon, and today is 29 November 2026.

import assert from "node:assert/strict";
import { type Feed, readFeed } from "./feed.ts";
import { FeedError } from "./lines.ts";

const options = { timeZone: "Europe/Lisbon", today: "2026-11-29" };

const calendar = (body: string, head = "PRODID:-//Example//EN\r\nVERSION:2.0") =>
  `BEGIN:VCALENDAR\r\n${head}\r\n${body.trim().replaceAll(/\r?\n/g, "\r\n")}\r\nEND:VCALENDAR\r\n`;
const event = (lines: string) => `BEGIN:VEVENT\n${lines.trim()}\nEND:VEVENT`;
const read = (text: string | Uint8Array, today = options.today): Feed =>
  readFeed(typeof text === "string" ? new TextEncoder().encode(text) : text, { ...options, today });
/** `uid check-in check-out` of each event. */
const nights = (...events: string[]) =>
  read(calendar(events.map(event).join("\n"))).events.map(
    ({ uid, check_in, check_out }) => `${uid} ${check_in} ${check_out}`,
  );
const unreadable = (...events: string[]) => read(calendar(events.map(event).join("\n"))).unreadable;
const refused = (text: string | Uint8Array) => {
  try {
    read(text);
  } catch (error) {
    assert(error instanceof FeedError);
    return error.code;
  }
  return "accepted";
};
const stay = (uid: string, from: string, until: string, more = "") =>
  `UID:${uid}\nDTSTART;VALUE=DATE:${from}\nDTEND;VALUE=DATE:${until}\n${more}`;
const good = event(stay("good", "20270601", "20270604"));

Deno.test("reads nights and whether the channel calls them a stay, and nothing personal", () => {
  const { events } = read(
    calendar(
      [
        event(
          stay(
            "a@channel",
            "20270305",
            "20270309",
            "SUMMARY:Reserved - Joana\nDESCRIPTION:Phone Number (Last 4 Digits): 0000",
          ),
        ),
        event(stay("b@channel", "20270310", "20270312", "SUMMARY:Airbnb (Not available)")),
      ].join("\n"),
    ),
  );
  assert.deepEqual(events, [
    { uid: "a@channel", check_in: "2027-03-05", check_out: "2027-03-09", kind: "stay" },
    { uid: "b@channel", check_in: "2027-03-10", check_out: "2027-03-12", kind: "closed" },
  ]);
});

Deno.test("a parameter on PRODID, no DTSTAMP, DTEND before DTSTART, a fold inside a word", () => {
  const text = calendar(
    event(
      "DTEND;VALUE=DATE:20270309\nDTSTART;VALUE=DATE:20270305\nUID:1@channel\nDESCRIPTION:hosting/reservations/d\n etails\nSUMMARY:Reserved",
    ),
    "PRODID;X-RICAL-TZSOURCE=TZINFO:-//Channel//0.8.8//EN\r\nVERSION:2.0",
  );
  assert.equal(read(text).events[0]?.check_out, "2027-03-09");
});

Deno.test("DTEND equal, missing, before DTSTART; a duration", () => {
  const before = stay("before", "20270410", "20270408");
  assert.deepEqual(
    nights(
      stay("same", "20270401", "20270401"),
      "UID:none\nDTSTART;VALUE=DATE:20270403",
      before,
      "UID:length\nDTSTART;VALUE=DATE:20270501\nDURATION:P4D",
    ),
    ["same 2027-04-01 2027-04-02", "none 2027-04-03 2027-04-04", "length 2027-05-01 2027-05-05"],
  );
  assert.equal(unreadable(before), 1);
});

Deno.test("times: Windows and unknown zones count as the property's, UTC and known zones are converted", () => {
  assert.deepEqual(
    nights(
      'UID:windows\nDTSTART;TZID="W. Europe Standard Time":20270705T150000\nDTEND;TZID="W. Europe Standard Time":20270708T110000',
      'UID:offset\nDTSTART;TZID="(UTC+01:00) Amsterdam":20270705T003000\nDTEND;TZID="(UTC+01:00) Amsterdam":20270706T110000',
      "UID:floating\nDTSTART:20270707T003000\nDTEND:20270708T110000",
      "UID:utc\nDTSTART:20270709T230000Z\nDTEND:20270711T230000Z",
      "UID:known\nDTSTART;TZID=America/New_York:20270720T210000\nDTEND;TZID=America/New_York:20270722T030000",
      "UID:hours\nDTSTART:20270725T100000\nDTEND:20270725T180000",
    ),
    [
      "offset 2027-07-05 2027-07-06",
      "windows 2027-07-05 2027-07-08",
      "floating 2027-07-07 2027-07-08",
      "utc 2027-07-10 2027-07-12",
      "known 2027-07-21 2027-07-22",
      "hours 2027-07-25 2027-07-26",
    ],
  );
});

Deno.test("days on which the clocks change", () => {
  // Lisbon: 28 March 2027 01:00 -> 02:00, 31 October 2027 02:00 -> 01:00
  assert.deepEqual(
    nights(
      "UID:spring\nDTSTART:20270327T235900Z\nDTEND:20270328T225900Z",
      "UID:spring late\nDTSTART:20270328T230000Z\nDTEND:20270329T230000Z",
      "UID:autumn\nDTSTART:20271030T230000Z\nDTEND:20271031T235900Z",
      "UID:autumn late\nDTSTART:20271101T000000Z\nDTEND:20271102T000000Z",
    ),
    [
      "spring 2027-03-27 2027-03-28",
      "spring late 2027-03-29 2027-03-30",
      "autumn 2027-10-31 2027-11-01",
      "autumn late 2027-11-01 2027-11-02",
    ],
  );
});

Deno.test("CANCELLED and TRANSPARENT block nothing, TENTATIVE does; a cancelled later version frees", () => {
  assert.deepEqual(
    nights(
      stay("cancelled", "20270401", "20270402", "STATUS:CANCELLED"),
      stay("free", "20270403", "20270404", "TRANSP:TRANSPARENT"),
      stay("tentative", "20270405", "20270406", "STATUS:TENTATIVE"),
      stay("inquiry", "20270409", "20270410", "SUMMARY:Tentative - Marie"),
      stay("undone", "20270407", "20270408", "SEQUENCE:1"),
      stay("undone", "20270407", "20270408", "SEQUENCE:2\nSTATUS:CANCELLED"),
    ),
    ["tentative 2027-04-05 2027-04-06", "inquiry 2027-04-09 2027-04-10"],
  );
});

Deno.test("one UID twice: the highest SEQUENCE counts, and equal ones are different stays", () => {
  assert.deepEqual(
    nights(
      stay("moved", "20270501", "20270503", "SEQUENCE:2"),
      stay("moved", "20270401", "20270403", "SEQUENCE:1"),
      stay("reused", "20270601", "20270602"),
      stay("reused", "20270701", "20270702"),
    ),
    [
      "moved 2027-05-01 2027-05-03",
      "reused#2027-06-01/2027-06-02 2027-06-01 2027-06-02",
      "reused#2027-07-01/2027-07-02 2027-07-01 2027-07-02",
    ],
  );
});

Deno.test("a stay that is listed three times is one; an event without UID has one of its nights", () => {
  const same = stay("thrice", "20270401", "20270402");
  assert.deepEqual(nights(same, same, same), ["thrice 2027-04-01 2027-04-02"]);
  const nameless = "DTSTART;VALUE=DATE:20270401\nDTEND;VALUE=DATE:20270402";
  assert.deepEqual(nights(nameless, nameless), ["#2027-04-01/2027-04-02 2027-04-01 2027-04-02"]);
});

Deno.test("rules repeat, without exceptions and replaced days, up to 730 days ahead", () => {
  assert.deepEqual(
    nights(
      "UID:r\nDTSTART;VALUE=DATE:20270401\nDTEND;VALUE=DATE:20270403\nRRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;VALUE=DATE:20270408",
      "UID:r\nRECURRENCE-ID;VALUE=DATE:20270415\nDTSTART;VALUE=DATE:20270417\nDTEND;VALUE=DATE:20270418",
    ),
    [
      "r#2027-04-01/2027-04-03 2027-04-01 2027-04-03",
      "r#2027-04-17/2027-04-18 2027-04-17 2027-04-18",
      "r#2027-04-22/2027-04-24 2027-04-22 2027-04-24",
    ],
  );
  const endless = nights("UID:e\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY");
  assert.equal(endless.length, 105);
  assert.match(endless.at(-1) ?? "", / 2028-11-28 2028-11-29$/);
});

Deno.test("exceptions and ends of rules in UTC belong to repetitions in a zone", () => {
  const repeated = (rule: string, more: string) =>
    nights(
      `UID:r\nDTSTART;TZID=Europe/Berlin:20270304T003000\nDTEND;TZID=Europe/Berlin:20270305T003000\nRRULE:${rule}\n${more}`,
    ).map((night) => night.slice(-21, -11));
  // half past midnight in Berlin is 23:30 of the day before in UTC and in Lisbon
  assert.deepEqual(repeated("FREQ=WEEKLY;COUNT=3", "EXDATE:20270310T233000Z"), ["2027-03-03", "2027-03-17"]);
  assert.deepEqual(repeated("FREQ=DAILY;UNTIL=20270305T233000Z", ""), [
    "2027-03-03",
    "2027-03-04",
    "2027-03-05",
  ]);
  assert.deepEqual(repeated("FREQ=DAILY;COUNT=2", "EXDATE;TZID=Europe/Lisbon:20270303T233000"), [
    "2027-03-04",
  ]);
  // a day as the exception of a time, and a time as that of a day
  assert.deepEqual(repeated("FREQ=DAILY;COUNT=2", "EXDATE;VALUE=DATE:20270303"), ["2027-03-04"]);
  assert.deepEqual(
    nights(
      "UID:d\nDTSTART;VALUE=DATE:20270401\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20270402T000000",
    ),
    ["d#2027-04-01/2027-04-02 2027-04-01 2027-04-02", "d#2027-04-03/2027-04-04 2027-04-03 2027-04-04"],
  );
  // an end in days, with a start at a time, and the other way round
  assert.equal(repeated("FREQ=DAILY;UNTIL=20270306", "").length, 3);
  assert.equal(
    nights("UID:d\nDTSTART;VALUE=DATE:20270401\nRRULE:FREQ=DAILY;UNTIL=20270403T220000Z").length,
    3,
  );
});

Deno.test("rules by month, by numbered weekday and several of them; 29 February only where there is one", () => {
  const days = (start: string, ...rules: string[]) =>
    nights(`UID:r\nDTSTART;VALUE=DATE:${start}\n${rules.map((rule) => `RRULE:${rule}`).join("\n")}`).map(
      (night) => night.slice(-21, -11),
    );
  assert.deepEqual(days("20270104", "FREQ=MONTHLY;BYDAY=1MO;COUNT=3"), [
    "2027-01-04",
    "2027-02-01",
    "2027-03-01",
  ]);
  assert.deepEqual(days("20270131", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2"), ["2027-01-31", "2027-02-28"]);
  assert.deepEqual(days("20261225", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25;COUNT=2"), [
    "2026-12-25",
    "2027-12-25",
  ]);
  assert.deepEqual(days("20261204", "FREQ=DAILY;BYDAY=MO,FR;COUNT=3"), [
    "2026-12-04",
    "2026-12-07",
    "2026-12-11",
  ]);
  assert.deepEqual(days("20270105", "FREQ=WEEKLY;COUNT=2", "FREQ=MONTHLY;BYDAY=3MO;COUNT=2"), [
    "2027-01-05",
    "2027-01-12",
    "2027-01-18",
    "2027-02-15",
  ]);
  const leap = read(calendar(event("UID:l\nDTSTART;VALUE=DATE:20280229\nRRULE:FREQ=YEARLY")), "2027-12-01");
  assert.deepEqual(
    leap.events.map(({ check_in }) => check_in),
    ["2028-02-29"],
  );
  for (const endless of [
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2;BYDAY=MO",
    "FREQ=YEARLY;BYMONTHDAY=30",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MONTHLY;BYDAY=5MO;INTERVAL=12",
  ]) {
    assert.equal(unreadable(`UID:e\nDTSTART;VALUE=DATE:20270104\nRRULE:${endless}`), 1, endless);
  }
});

Deno.test("dates beside a rule: periods by their beginning, an empty list, and the first day", () => {
  const day = "DTSTART:20270401T120000Z\nDTEND:20270402T090000Z";
  assert.deepEqual(
    nights(
      `UID:p\n${day}\nRDATE;VALUE=PERIOD:20270410T120000Z/20270411T090000Z,20270420T120000Z/PT1H`,
      `UID:empty\n${day}\nRDATE:`,
    ),
    [
      "empty 2027-04-01 2027-04-02",
      "p#2027-04-01/2027-04-02 2027-04-01 2027-04-02",
      "p#2027-04-10/2027-04-11 2027-04-10 2027-04-11",
      "p#2027-04-20/2027-04-21 2027-04-20 2027-04-21",
    ],
  );
});

Deno.test("what replaces one day does not repeat, and is found by its day in any zone", () => {
  const master = "UID:m\nDTSTART;VALUE=DATE:20270401\nRRULE:FREQ=WEEKLY;COUNT=2";
  assert.deepEqual(
    nights(
      master,
      "UID:m\nRECURRENCE-ID;VALUE=DATE:20270408\nDTSTART;VALUE=DATE:20270410\nRRULE:FREQ=DAILY;COUNT=9",
    ),
    ["m#2027-04-01/2027-04-02 2027-04-01 2027-04-02", "m#2027-04-10/2027-04-11 2027-04-10 2027-04-11"],
  );
  assert.deepEqual(
    nights(master, "UID:m\nRECURRENCE-ID;TZID=Asia/Hong_Kong:20270408T000000\nDTSTART;VALUE=DATE:20270410"),
    ["m#2027-04-01/2027-04-02 2027-04-01 2027-04-02", "m#2027-04-10/2027-04-11 2027-04-10 2027-04-11"],
  );
  // it would move all later ones
  const range = "UID:m\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270408T000000\nDTSTART;VALUE=DATE:20270410";
  assert.equal(unreadable(range), 1);
});

Deno.test("hostile values end as errors of their events, at once", () => {
  const hostile = [
    "UID:1\nDTSTART;VALUE=DATE:20270401\nDURATION:P999999999999999999W",
    "UID:2\nDTSTART;VALUE=DATE:20270401\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "UID:3\nDTSTART;VALUE=DATE:20270401\nRRULE:FREQ=SECONDLY",
    "UID:4\nDTSTART;VALUE=DATE:20270931\nDTEND;VALUE=DATE:20271002",
    "UID:5\nDTSTART;VALUE=DATE:99990101",
    "UID:6\nDTSTART;VALUE=DATE:19700101\nRRULE:FREQ=DAILY",
    "UID:7\nSUMMARY:no start",
    "UID:8\nDTSTART;VALUE=DATE:2027040",
  ];
  const started = Date.now();
  const { events, unreadable } = read(calendar([...hostile.map(event), good].join("\n")));
  assert.deepEqual([events.map(({ uid }) => uid), unreadable], [["good"], hostile.length]);
  assert(Date.now() - started < 2_000);
});

Deno.test("an event that ends in 9999 is cut off five years ahead", () => {
  assert.deepEqual(nights(stay("long", "20270101", "99991231")), ["long 2027-01-01 2031-12-04"]);
});

Deno.test("broken lines, alarms and other components do not matter", () => {
  const { events, unreadable } = read(
    calendar(
      `BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\nEND:VTIMEZONE
BEGIN:VEVENT
${stay("a", "20270401", "20270402")}
this line has no colon at all
X-BROKEN;=;:1
BEGIN:VALARM
DTSTART;VALUE=DATE:20200101
TRIGGER:-P1D
END:VALARM
END:VEVENT`,
    ),
  );
  assert.deepEqual([events.length, events[0]?.check_in, unreadable], [1, "2027-04-01", 0]);
});

Deno.test("line ends CRLF, LF and CR, tabs as folds, a byte order mark, lower case", () => {
  const text = calendar(good);
  const folded = text.replace("DTSTART;VALUE", "DTSTART;VA\r\n\tLUE");
  for (const same of [
    text.replaceAll("\r\n", "\n"),
    text.replaceAll("\r\n", "\r"),
    folded,
    `\uFEFF${text}`,
    text.toLowerCase(),
    text.replaceAll("\r\n", "  \r\n"),
    text.replace("UID", "\0UID"),
  ]) {
    assert.equal(read(same).events[0]?.check_in, "2027-06-01", JSON.stringify(same));
  }
});

Deno.test("a fold inside a multi-byte letter", () => {
  const bytes = new TextEncoder().encode(calendar(event(stay("é", "20270601", "20270604"))));
  const at = bytes.indexOf(0xc3) + 1;
  const folded = new Uint8Array([...bytes.subarray(0, at), 13, 10, 32, ...bytes.subarray(at)]);
  assert.equal(read(folded).events[0]?.uid, "é");
});

Deno.test("what is no whole calendar is refused, so that it frees nothing", () => {
  const text = calendar(good);
  for (const broken of [
    "",
    "<!doctype html><html><body>Sign in</body></html>",
    `<html>${text}</html>`,
    text.slice(0, -20),
    text.slice(0, text.indexOf("DTEND")),
    text.replace("END:VEVENT\r\n", ""),
    text.replace("BEGIN:VEVENT\r\n", ""),
    `${text}more`,
    good,
  ]) {
    assert.equal(refused(broken), "not_a_calendar", JSON.stringify(broken));
  }
  assert.deepEqual(read(calendar("X-EMPTY:1")), { events: [], unreadable: 0 });
  assert.equal(read(text + text.replace("good", "second")).events.length, 2);
});

Deno.test("limits: 2 MiB, 500 events that end after today", () => {
  const many = (count: number, year: string) =>
    calendar(
      Array.from({ length: count }, (_, n) => event(stay(`n${n}`, `${year}0401`, `${year}0402`))).join("\n"),
    );
  assert.equal(refused(new Uint8Array(2 * 1024 * 1024 + 1)), "too_large");
  assert.equal(refused(many(10_000, "2027")), "too_many_events");
  assert.equal(refused(many(501, "2027")), "too_many_events");
  assert.equal(read(many(500, "2027")).events.length, 500);
  assert.deepEqual(read(many(10_000, "2025")), { events: [], unreadable: 0 });
});

Deno.test("an event that ended today is over; a UID of any length is kept short", () => {
  assert.deepEqual(nights(stay("over", "20261125", "20261129")), []);
  assert.deepEqual(nights(stay("now", "20261125", "20261130")), ["now 2026-11-25 2026-11-30"]);
  const [long] = read(calendar(event(stay("x".repeat(5_000), "20270401", "20270402")))).events;
  assert.match(long?.uid ?? "", /^sha256:[0-9a-f]{64}$/);
});
