// One call for the calendar: random calls against a plain model of the days, GraphQL, and many clients at once.

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { book } from "../support/bookings.ts";
import { queryGraphql } from "../support/clients.ts";
import { countByValue } from "../support/counts.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { addDays, dayAhead } from "../support/time.ts";

const sql = database();
let host: Person;
beforeAll(async () => {
  host = await signUp("Hana");
});
afterAll(() => sql.end());

interface Values {
  price?: number | null | undefined;
  min_nights?: number | null | undefined;
  max_nights?: number | null | undefined;
  closed?: boolean | null | undefined;
  closed_to_arrival?: boolean | null | undefined;
  closed_to_departure?: boolean | null | undefined;
}
type Range = Values & { from: string; until: string };

const days = 30;
const first = dayAhead(50);
const set = (property: string, ranges: Range[], person = host) =>
  person.client.rpc("set_calendar", { p_property_id: property, p_ranges: ranges as never });

/** Every version of every row that a call may write. */
async function rowVersions(property: string) {
  const [row] = await sql<{ versions: string }[]>`
    select concat_ws('|',
      (select string_agg(ctid || ' ' || xmin, ',' order by id) from public.property_date_overrides where property_id = ${property}),
      (select string_agg(ctid || ' ' || xmin, ',' order by id) from public.property_availability_rules where property_id = ${property}),
      (select string_agg(ctid || ' ' || xmin, ',' order by id) from public.host_blocks where property_id = ${property}),
      (select ctid || ' ' || xmin from private.property_search where property_id = ${property})
    ) as versions`;
  return row?.versions;
}

/** The number of runs of equal days, without those that have no value. */
function runs(model: Values[], value: (day: Values) => unknown): number {
  const texts = model.map((day) => JSON.stringify(value(day)) ?? "");
  const none = JSON.stringify(value({})) ?? "";
  return texts.filter((text, n) => text !== none && text !== texts[n - 1]).length;
}

it("does what a plain model of the days does, in as few ranges, and nothing the second time", {
  timeout: 300_000,
}, async () => {
  const maybe = <T>(value: fc.Arbitrary<T>) =>
    fc.option(fc.oneof(value, fc.constant(null)), { nil: undefined });
  const values = fc.record({
    price: maybe(fc.constantFrom(9_000, 15_000)),
    min_nights: maybe(fc.integer({ min: 1, max: 4 })),
    max_nights: maybe(fc.integer({ min: 3, max: 6 })),
    closed: maybe(fc.boolean()),
    closed_to_arrival: maybe(fc.boolean()),
    closed_to_departure: maybe(fc.boolean()),
  });
  const range = fc
    .tuple(fc.integer({ min: 0, max: days - 1 }), fc.integer({ min: 1, max: 9 }), values)
    .map(([from, length, value]) => ({ from, until: Math.min(from + length, days), value }));
  const call = fc.array(range, { minLength: 1, maxLength: 6 });
  let refused = 0;
  const property = await createBookable(host);
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 5 }), async (calls) => {
      const clear = { price: null, min_nights: null, max_nights: null };
      const open = { closed: null, closed_to_arrival: null, closed_to_departure: null };
      await set(property, [
        { from: addDays(first, -9), until: addDays(first, days + 9), ...clear, ...open },
      ]).throwOnError();
      let model: Values[] = Array.from({ length: days }, () => ({}));
      for (const ranges of calls) {
        const next = model.map((day) => ({ ...day }));
        for (const { from, until, value } of ranges) {
          for (const day of next.slice(from, until)) {
            for (const [key, given] of Object.entries(value)) {
              if (given !== undefined) Object.assign(day, { [key]: given || undefined });
            }
          }
        }
        const sent = ranges.map(({ from, until, value }) => ({
          from: addDays(first, from),
          until: addDays(first, until),
          ...value,
        }));
        const { data, error } = await set(property, sent);
        const isOrdered = next.every(({ min_nights, max_nights }) => (min_nights ?? 0) <= (max_nights ?? 99));
        const isSentOrdered = ranges.every(
          ({ value }) => (value.min_nights ?? 0) <= (value.max_nights ?? 99),
        );
        if (!isOrdered || !isSentOrdered) {
          refused += 1;
          expect(errorCodes(error)).toContain(
            isSentOrdered ? "calendar_nights_not_in_order" : "nights_are_in_order",
          );
        } else {
          expect(error).toBeNull();
          model = next;
          for (const day of data ?? []) {
            const number = Math.round((Date.parse(day.day) - Date.parse(first)) / 86_400_000);
            const wanted = model[number] ?? {};
            expect(day).toMatchObject({
              price: wanted.price ?? 12_000,
              min_nights: wanted.min_nights ?? 1,
              max_nights: wanted.max_nights ?? 31,
              closed: wanted.closed ?? false,
              free: !wanted.closed,
              arrival_allowed: !wanted.closed && !wanted.closed_to_arrival,
              departure_allowed: !model[number - 1]?.closed && !wanted.closed_to_departure,
            });
          }
          const before = await rowVersions(property);
          await set(property, sent).throwOnError();
          expect(await rowVersions(property)).toBe(before);
        }
        const [written] = await sql`
          select
            (select count(*)::int from public.property_date_overrides where property_id = ${property}) as prices,
            (select count(*)::int from public.property_availability_rules where property_id = ${property} and kind = 'nights') as nights,
            (select count(*)::int from public.property_availability_rules where property_id = ${property} and kind = 'closed_to_arrival') as arrivals,
            (select count(*)::int from public.property_availability_rules where property_id = ${property} and kind = 'closed_to_departure') as departures,
            (select count(*)::int from public.host_blocks where property_id = ${property}) as blocks`;
        expect(written).toEqual({
          prices: runs(model, ({ price }) => price),
          nights: runs(model, ({ min_nights, max_nights }) => ({ min_nights, max_nights })),
          arrivals: runs(model, ({ closed_to_arrival }) => closed_to_arrival),
          departures: runs(model, ({ closed_to_departure }) => closed_to_departure),
          blocks: runs(model, ({ closed }) => closed),
        });
      }
    }),
    { numRuns: 40 },
  );
  expect(refused).toBeGreaterThan(0);
});

it("is a mutation of GraphQL", async () => {
  const property = await createBookable(host);
  const { data, errors } = await queryGraphql(
    `mutation ($id: UUID!, $ranges: JSON!) {
      setCalendar(pPropertyId: $id, pRanges: $ranges) { edges { node { day price minNights closed } } }
    }`,
    {
      id: property,
      ranges: JSON.stringify([
        { from: first, until: addDays(first, 2), price: 15_000 },
        { from: addDays(first, 1), until: addDays(first, 2), closed: true, min_nights: 3 },
      ]),
    },
    host,
  );
  expect(errors).toBeUndefined();
  expect(data.setCalendar.edges.map(({ node }: { node: object }) => node)).toEqual([
    { day: first, price: "15000", minNights: 1, closed: false },
    { day: addDays(first, 1), price: "15000", minNights: 3, closed: true },
  ]);
});

it("keeps a booking and sells no night twice while eight clients set, close, open and book at once", {
  timeout: 120_000,
}, async () => {
  const property = await createBookable(host);
  const guests = await Promise.all(["Ben", "Eva", "Cal", "Dan"].map((name) => signUp(name)));
  const booking = await book(guests[0] as Person, property, 60, 3);
  const statuses = (
    await Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        const mine: number[] = [];
        for (let n = 0; n < 12; n += 1) {
          const from = 50 + Math.floor(Math.random() * 25);
          if (client < 4) {
            const range = { from: dayAhead(from), until: dayAhead(from + 10) };
            const closed = n % 2 === 0;
            mine.push((await set(property, [{ ...range, closed, price: 9_000 + n * client }])).status);
          } else {
            const stay = { check_in: dayAhead(from), check_out: dayAhead(from + 2) };
            const guest = guests[client - 4] as Person;
            const { status, error } = await guest.client
              .from("bookings")
              .insert({ property_id: property, ...stay });
            // limits of a guest's unpaid bookings are not what this is about
            if (status < 300 || errorCodes(error).includes("occupied")) mine.push(status);
          }
        }
        return mine;
      }),
    )
  ).flat();
  expect(Object.keys(countByValue(statuses.map(String))).sort()).toEqual(["200", "201", "409"]);
  const [found] = await sql`
    select
      exists (select from public.occupancies o where o.booking_id = ${booking.id}) as stays,
      (
        select count(*)::int from public.occupancies a
        join public.occupancies b on b.property_id = a.property_id and b.id > a.id
          and daterange(a.check_in, a.check_out) && daterange(b.check_in, b.check_out)
        where a.property_id = ${property}
      ) as clashes,
      (
        select count(*)::int from public.host_blocks b
        where b.property_id = ${property} and not exists (
          select from public.occupancies o
          where o.host_block_id = b.id and (o.check_in, o.check_out) = (b.check_in, b.check_out)
        )
      ) as strays`;
  expect(found).toEqual({ stays: true, clashes: 0, strays: 0 });
});
