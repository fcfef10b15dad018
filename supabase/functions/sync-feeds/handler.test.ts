import assert from "node:assert/strict";
import { type Answer, GetError } from "../_shared/get-public.ts";
import { internalOf, serviceCall } from "../_shared/internal-fixture.ts";
import { createHandler, type DueFeed, type FeedAnswer } from "./handler.ts";

const feed: DueFeed = {
  feed_id: "f1",
  lease: "l1",
  url: "https://ics.example/secret.ics",
  time_zone: "Pacific/Auckland",
  etag: null,
  last_modified: null,
};
const file = `BEGIN:VCALENDAR
BEGIN:VEVENT
UID:yesterday
DTSTART;VALUE=DATE:20261127
DTEND;VALUE=DATE:20261130
END:VEVENT
BEGIN:VEVENT
UID:a
SUMMARY:Reserved - Joana
DTSTART;VALUE=DATE:20261201
DTEND;VALUE=DATE:20261203
END:VEVENT
END:VCALENDAR`;
const answer = (status: number, body = ""): Answer => ({
  status,
  etag: '"1"',
  lastModified: undefined,
  body: new TextEncoder().encode(body),
});

function setUp(
  get: () => Promise<Answer>,
  feeds = [feed],
  record: () => Promise<boolean> = async () => true,
) {
  const recorded: [string, FeedAnswer][] = [];
  const sent: [string, Record<string, string>][] = [];
  const logged: string[] = [];
  const waiting = [feeds];
  const handle = createHandler({
    internal: internalOf(),
    take: async () => waiting.shift() ?? [],
    record: async ({ feed_id }, given) => {
      recorded.push([feed_id, given]);
      return record();
    },
    get: async (url, headers) => {
      sent.push([url, headers]);
      return get();
    },
    // 30 November in Auckland
    now: () => Date.parse("2026-11-29T12:00:00Z"),
    log: (line) => void logged.push(line),
  });
  return { run: async () => (await handle(serviceCall())).json(), recorded, sent, logged };
}

Deno.test("records what a feed states, by the day of the property", async () => {
  const { run, recorded, sent } = setUp(async () => answer(200, file));
  assert.deepEqual(await run(), { read: 1, failed: 0 });
  assert.deepEqual(recorded, [
    [
      "f1",
      {
        events: [{ uid: "a", check_in: "2026-12-01", check_out: "2026-12-03", kind: "stay" }],
        unreadable: 0,
        etag: '"1"',
        last_modified: undefined,
      },
    ],
  ]);
  const [url, headers] = sent[0] ?? [];
  assert.equal(url, feed.url);
  assert.match(headers?.["user-agent"] ?? "", /^Staybase\//);
  assert.equal(headers?.["if-none-match"], undefined);
});

Deno.test("asks only for a newer version, and takes 304 for no change", async () => {
  const known = { ...feed, etag: '"1"', last_modified: "Sun, 29 Nov 2026 12:00:00 GMT" };
  const { run, recorded, sent } = setUp(async () => answer(304), [known]);
  await run();
  assert.equal(sent[0]?.[1]["if-none-match"], '"1"');
  assert.equal(sent[0]?.[1]["if-modified-since"], known.last_modified);
  assert.deepEqual(recorded, [["f1", { not_modified: true }]]);
});

Deno.test("records every fault as an error that frees nothing", async () => {
  const faults: [string, () => Promise<Answer>][] = [
    ["status_404", async () => answer(404)],
    ["status_500", async () => answer(500)],
    ["not_a_calendar", async () => answer(200, "<!doctype html><title>Sign in</title>")],
    ["not_a_calendar", async () => answer(200, file.slice(0, -30))],
    ["not_a_calendar", async () => answer(200)],
    ["too_slow", () => Promise.reject(new GetError("too_slow"))],
    ["not_public", () => Promise.reject(new GetError("not_public"))],
  ];
  for (const [error, get] of faults) {
    const { run, recorded } = setUp(get);
    assert.deepEqual([await run(), recorded], [{ read: 0, failed: 1 }, [["f1", { error }]]]);
  }
});

Deno.test("one feed does not stop the others, and the log has no address", async () => {
  const feeds = Array.from({ length: 12 }, (_, n) => ({ ...feed, feed_id: `f${n}` }));
  let calls = 0;
  const { run, recorded, logged } = setUp(async () => {
    calls += 1;
    if (calls === 3) throw new Error("bug");
    return answer(200, file);
  }, feeds);
  assert.deepEqual(await run(), { read: 11, failed: 1 });
  assert.equal(recorded.length, 11);
  assert(!logged.some((line) => /secret|ics\.example|Joana/.test(line)));
});
