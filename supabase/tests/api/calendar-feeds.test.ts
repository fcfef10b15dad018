// Feeds in, from a channel's server to the nights of a property: the worker runs here, against this stack's database, and reads
// a local server that is taken for a public one.

import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { getPublic } from "../../functions/_shared/get-public.ts";
import { internalOf, serviceCall } from "../../functions/_shared/internal-fixture.ts";
import { cert, key } from "../../functions/_shared/tls-fixture.ts";
import { createFeedStore } from "../../functions/sync-feeds/feeds.ts";
import { createHandler, type DueFeed } from "../../functions/sync-feeds/handler.ts";
import { anonymous, service } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { dayAhead, until } from "../support/time.ts";

const sql = database();
let host: Person;
let property: string;
let feed: string;
let answer: RequestListener;
let seen: (string | undefined)[] = [];
const server = createServer({ cert, key }, (request, response) => {
  seen.push(request.headers["if-none-match"]);
  answer(request, response);
});

beforeAll(async () => {
  host = await signUp("Hana");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
beforeEach(async () => {
  seen = [];
  property = await createBookable(host);
  const { port } = server.address() as AddressInfo;
  // not by create_calendar_feed, which wakes the stack's own worker
  [feed] = await sql.begin(async (tx) => {
    const [row] = await tx<{ id: string }[]>`
      insert into public.calendar_feeds (property_id, channel, masked_url, next_sync_at)
      values (${property}, 'airbnb', 'https://hooks.example/…', 'infinity') returning id`;
    await tx`insert into private.feed_sources (feed_id, url) values (${row?.id ?? ""}, 'https://hooks.example/secret.ics')`;
    return [row?.id ?? ""];
  });
  get = (url, headers) =>
    getPublic(url.replace("hooks.example/", `hooks.example:${port}/`), headers, {
      resolve: async () => ["127.0.0.1"],
      isAllowed: (address) => address === "127.0.0.1",
      isAllowedPort: () => true,
      timeout: 1_000,
      ca: cert,
    });
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await sql.end();
});

let get: (url: string, headers: Record<string, string>) => ReturnType<typeof getPublic>;

/** Takes the feed before the stack's own worker can. */
const take = () =>
  sql.begin(async (tx) => {
    await tx`update public.calendar_feeds set next_sync_at = '-infinity' where id = ${feed}`;
    return [...(await tx<DueFeed[]>`select * from public.take_due_feeds(1)`)];
  });

/** Runs a worker that takes the feed once. */
async function sync(
  listener: RequestListener,
  afterRead = async () => {},
  onFailure: (code: string) => void = () => {},
) {
  answer = listener;
  const batches = [await take()];
  const store = createFeedStore(service());
  const handle = createHandler({
    internal: internalOf(),
    take: async () => batches.shift() ?? [],
    async record(due, given) {
      await afterRead();
      try {
        return await store.record(due, given);
      } catch (error) {
        onFailure((error as { code: string }).code);
        throw error;
      }
    },
    get: (url, headers) => get(url, headers),
    now: Date.now,
    log: () => {},
  });
  await handle(serviceCall());
}

const calendar = (...days: [uid: string, from: number, until: number][]) =>
  [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Channel//EN",
    ...days.flatMap(([uid, from, until]) => [
      "BEGIN:VEVENT",
      `UID:${uid}`,
      `DTSTART;VALUE=DATE:${dayAhead(from).replaceAll("-", "")}`,
      `DTEND;VALUE=DATE:${dayAhead(until).replaceAll("-", "")}`,
      "SUMMARY:Reserved",
      "END:VEVENT",
    ]),
    "END:VCALENDAR",
    "",
  ].join("\r\n");
const sends =
  (body: string, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    response.writeHead(200, headers).end(body);

async function taken() {
  const { data } = await host.client
    .from("external_blocks")
    .select("check_in, check_out")
    .eq("property_id", property)
    .order("check_in")
    .throwOnError();
  return data.map(({ check_in, check_out }) => [check_in, check_out]);
}
async function health() {
  const { data } = await host.client
    .from("calendar_feeds")
    .select("failures, last_error, events")
    .eq("id", feed)
    .single()
    .throwOnError();
  return data;
}

it("takes the nights that a channel states, and refuses guests there", async () => {
  await sync(sends(calendar(["a", 30, 33]), { etag: '"1"' }));
  expect(await taken()).toEqual([[dayAhead(30), dayAhead(33)]]);
  const { data } = await anonymous()
    .rpc("bookability", {
      p_property_id: property,
      p_check_in: dayAhead(32),
      p_check_out: dayAhead(35),
      p_adults: 1,
    })
    .throwOnError();
  expect(JSON.stringify(data)).toContain('"occupied"');
  await sync((_, response) => response.writeHead(304).end());
  expect(seen).toEqual([undefined, '"1"']);
  expect(await health()).toEqual({ failures: 0, last_error: null, events: 1 });
});

it.each<[string, RequestListener]>([
  ["status_500", (_, response) => response.writeHead(500).end()],
  ["too_slow", () => {}],
  ["not_public", (_, response) => response.writeHead(302, { location: "https://[::ffff:10.0.0.1]/" }).end()],
  ["not_a_calendar", sends("<!doctype html><title>Sign in</title>")],
  ["not_a_calendar", sends(calendar(["a", 30, 33]).slice(0, -25))],
  [
    "unreachable",
    (_, response) => {
      response.writeHead(200, { "content-length": "1000" }).write("BEGIN:VCALENDAR\r\n");
      response.socket?.end();
    },
  ],
  ["suddenly_empty", sends(calendar())],
])("frees no night after %s", async (error, listener) => {
  await sync(sends(calendar(["a", 30, 33])));
  await sync(listener);
  expect((await health()).last_error).toBe(error);
  expect(await taken()).toEqual([[dayAhead(30), dayAhead(33)]]);
});

it("lets one of two workers record, the later one", async () => {
  await sync(sends(calendar(["a", 30, 33])), () =>
    // while the first has read and not yet recorded
    sync(sends(calendar(["b", 40, 43]))),
  );
  expect(await taken()).toEqual([[dayAhead(40), dayAhead(43)]]);
});

it("reads again after a worker was killed between reading and recording", async () => {
  await expect(
    sync(sends(calendar(["a", 30, 33])), async () => {
      throw new Error("killed");
    }),
  ).resolves.toBeUndefined();
  expect(await taken()).toEqual([]);
  const [row] = await sql<{ wait: number }[]>`
    select extract(epoch from next_sync_at - clock_timestamp())::integer as wait from public.calendar_feeds where id = ${feed}`;
  expect(row?.wait).toBeGreaterThan(60);
  expect(row?.wait).toBeLessThanOrEqual(120);
  await sync(sends(calendar(["a", 30, 33])));
  expect(await taken()).toEqual([[dayAhead(30), dayAhead(33)]]);
});

const soldElsewhere = "These nights were sold on another platform.";
const book = (guest: Person, property_id: string, from: number, until: number) =>
  guest.client
    .from("bookings")
    .insert({ property_id, check_in: dayAhead(from), check_out: dayAhead(until), adults: 1 })
    .select("id")
    .single();
const bookingOf = async (guest: Person, id: string | undefined) =>
  (
    await guest.client
      .from("bookings")
      .select("status, status_reason")
      .eq("id", id ?? "")
      .single()
      .throwOnError()
  ).data;

it("wins over holds for the same nights, before and at the same moment", { timeout: 120_000 }, async () => {
  const guests = await Promise.all(Array.from({ length: 6 }, (_, n) => signUp(`Guest${n}`)));
  const stays: [string, number, number][] = [];
  let [refused, ended] = [0, 0];
  for (const [round, guest] of guests.entries()) {
    const from = 30 + 5 * round;
    stays.push([`s${round}`, from, from + 3]);
    // half of the holds are there before, the others come at the same moment
    const early = round % 2 === 0 ? await book(guest, property, from + 1, from + 4) : undefined;
    expect(early?.error ?? null).toBeNull();
    const [late] = await Promise.all([
      early ?? book(guest, property, from + 1, from + 4),
      sync(sends(calendar(...stays))),
    ]);
    if (late.error === null) {
      expect(await bookingOf(guest, late.data.id)).toEqual({
        status: "expired",
        status_reason: soldElsewhere,
      });
      ended += 1;
    } else {
      expect(late.error.code).toBe("PT409");
      expect(late.error.details).toContain('"occupied"');
      refused += 1;
    }
    expect(await taken()).toEqual(stays.map(([, since, end]) => [dayAhead(since), dayAhead(end)]));
    expect((await health()).last_error).toBeNull();
  }
  expect([ended >= 3, ended + refused]).toEqual([true, 6]);
  const [rest] = await sql<{ holds: number }[]>`
    select count(*)::integer as holds from public.occupancies
    where property_id = ${property} and kind <> 'external_block' and (expires_at is null or expires_at > now())`;
  expect(rest?.holds).toBe(0);
});

it("survives a linked property that another transaction has locked, and ends its hold later", async () => {
  const rooms = [await createBookable(host), await createBookable(host)];
  await host.client.rpc("link_properties", { p_property_id: property, p_part_ids: rooms }).throwOnError();
  const guest = await signUp("Gus");
  const { data: hold } = await book(guest, rooms[0] ?? "", 31, 34).throwOnError();
  let failures: string[] = [];
  await sql.begin(async (other) => {
    await other`select from public.properties where id = ${rooms[0] ?? ""} for no key update`;
    await sync(sends(calendar(["a", 30, 33])), undefined, (code) => failures.push(code));
  });
  expect(failures).toEqual(["PT503"]);
  expect([await taken(), (await health()).failures]).toEqual([[], 0]);
  expect((await bookingOf(guest, hold.id)).status).toBe("awaiting_payment");
  // the feed is not lost: it is due again within 2 minutes
  failures = [];
  await sync(sends(calendar(["a", 30, 33])), undefined, (code) => failures.push(code));
  expect(failures).toEqual([]);
  expect(await taken()).toEqual([[dayAhead(30), dayAhead(33)]]);
  expect(await bookingOf(guest, hold.id)).toEqual({ status: "expired", status_reason: soldElsewhere });
});

it("is read at once by the stack's own worker when a host creates it", async () => {
  const { data } = await host.client
    .rpc("create_calendar_feed", {
      p_property_id: property,
      p_channel: "vrbo",
      p_url: "https://feeds.staybase.example/secret.ics",
    })
    .throwOnError();
  expect(data.masked_url).toBe("https://feeds.staybase.example/…");
  await until(async () => {
    const { data: now } = await host.client
      .from("calendar_feeds")
      .select("last_error")
      .eq("id", data.id)
      .single()
      .throwOnError();
    return now.last_error === "unreachable";
  }, "the feed to be read");
});
