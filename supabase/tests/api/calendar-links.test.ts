// Feeds out, as a channel imports them.

import { async as nodeIcal } from "node-ical";
import { beforeAll, expect, it } from "vitest";
import { bookConfirmed } from "../support/bookings.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { stack } from "../support/stack.ts";
import { dayAhead } from "../support/time.ts";

let host: Person;
let guest: Person;
let property: string;

beforeAll(async () => {
  [host, guest] = await Promise.all([signUp("Hana"), signUp("Gita")]);
  property = await createBookable(host);
});

async function linkFor(channel: string): Promise<string> {
  const { data } = await host.client
    .rpc("reveal_calendar_link", { p_property_id: property, p_channel: channel })
    .throwOnError();
  return stack.apiUrl + data;
}

it("serves the calendar without a key, and 304 until it changes", async () => {
  const link = await linkFor("airbnb");
  const empty = await fetch(link);
  expect([empty.status, empty.headers.get("content-type")]).toEqual([200, "text/calendar; charset=utf-8"]);
  const etag = empty.headers.get("etag") ?? "";
  const again = () => fetch(link, { headers: { "if-none-match": etag } });
  expect((await again()).status).toBe(304);

  await bookConfirmed(guest, property, 40, 3);
  const changed = await again();
  expect(changed.status).toBe(200);
  const text = await changed.text();
  expect(text).not.toMatch(/Hana|Gita|guest|example\.com/i);

  const events = Object.values(await nodeIcal.parseICS(text)).filter((part) => part?.type === "VEVENT");
  expect(
    events.map((event) => [
      event.summary,
      event.start.toDateString(),
      event.end?.toDateString(),
      event.uid.endsWith(`@${property}.staybase`),
    ]),
  ).toEqual([
    [
      "Reserved",
      new Date(`${dayAhead(40)}T00:00`).toDateString(),
      new Date(`${dayAhead(43)}T00:00`).toDateString(),
      true,
    ],
  ]);
});

it("keeps a link apart from others, and replaces it", async () => {
  const [airbnb, vrbo] = [await linkFor("airbnb"), await linkFor("vrbo")];
  expect(airbnb).not.toBe(vrbo);
  await host.client
    .rpc("rotate_calendar_link", { p_property_id: property, p_channel: "airbnb" })
    .throwOnError();
  expect([(await fetch(airbnb)).status, (await fetch(vrbo)).status]).toEqual([404, 200]);
});
