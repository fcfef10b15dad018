// Availability under load and under random rules: no night is taken twice, and search, calendar, bookability and the
// constraint always agree.

import fc from "fast-check";
import type postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous } from "../support/clients.ts";
import { countByValue } from "../support/counts.ts";
import { database, openConnections } from "../support/database.ts";
import { outcome } from "../support/outcome.ts";
import { type Person, signUp } from "../support/people.ts";
import { createPublished } from "../support/properties.ts";
import { runs } from "../support/runs.ts";
import { addDays, dayAhead } from "../support/time.ts";

const sql = database();
let host: Person;
let guest: Person;

beforeAll(async () => {
  [host, guest] = await Promise.all([signUp("Hana"), signUp("Gita")]);
});
afterAll(() => sql.end());

/**
 * Pairs of occupancies of a property that contradict each other, computed from dates alone: they share nights, or have
 * fewer nights between them than one of them needs for preparation.
 */
const overlaps = (tx: postgres.ISql, property: string) => tx<{ a: string; b: string }[]>`
  select a.id::text as a, b.id::text as b
  from public.occupancies a
  join public.occupancies b on b.property_id = a.property_id and a.id <> b.id and a.check_in <= b.check_in
  where a.property_id = ${property}
    and b.check_in - a.check_out < case
      when 'host_block' in (a.kind::text, b.kind::text) then 0
      else greatest(a.preparation_after, b.preparation_before)
    end`;

describe("simultaneous writes to one property", () => {
  it("let one of 100 API clients block the same nights, and 99 get 409", async () => {
    const property = await createPublished(host);
    const block = { property_id: property, check_in: "2031-05-01", check_out: "2031-05-08" };
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () => outcome(host.client.from("host_blocks").insert(block))),
    );
    expect(countByValue(outcomes)).toEqual({ ok: 1, 409: 99 });
  });

  it("let one of 50 connections take the same nights, without a deadlock", async () => {
    const property = await createPublished(host);
    const clients = openConnections(50);
    try {
      await Promise.all(clients.map((client) => client`select 1`));
      const outcomes = await Promise.all(
        clients.map((client) =>
          outcome(
            client`select private.reserve_nights(gen_random_uuid(), ${property}, '2031-06-01', '2031-06-05')`,
          ),
        ),
      );
      expect(countByValue(outcomes)).toEqual({ ok: 1, PT409: 49 });
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });

  it("cause no overlap, no lost stay and no error but 409 in 1,000 random stays, moves, blocks, ends and cleanups", async () => {
    const property = await createPublished(host);
    await sql`update public.properties set preparation_nights_before = 1, preparation_nights_after = 2 where id = ${property}`;
    const clients = openConnections(20);
    const taken = new Set<string>();
    const outcomes: string[] = [];
    try {
      await Promise.all(
        clients.map(async (client) => {
          const mine: string[] = [];
          for (let n = 0; n < 50; n += 1) {
            const from = dayAhead(Math.floor(Math.random() * 120));
            const until = addDays(from, 1 + Math.floor(Math.random() * 6));
            const dice = Math.random();
            const own = mine[Math.floor(Math.random() * mine.length)];
            if (dice < 0.25 && own !== undefined) {
              outcomes.push(
                await outcome(
                  client`select private.move_reserved_nights(${own}, ${from}::date, ${until}::date)`,
                ),
              );
            } else if (dice < 0.35 && own !== undefined) {
              mine.splice(mine.indexOf(own), 1);
              taken.delete(own);
              outcomes.push(await outcome(client`select private.release_nights(${own})`));
            } else if (dice < 0.4 && own !== undefined) {
              outcomes.push(await outcome(client`select private.extend_reserved_nights(${own}, null)`));
            } else if (dice < 0.45) {
              outcomes.push(await outcome(client`select private.remove_expired_occupancies()`));
            } else if (dice < 0.55) {
              outcomes.push(
                await outcome(
                  client`insert into public.host_blocks (property_id, check_in, check_out) values (${property}, ${from}, ${until})`,
                ),
              );
            } else if (dice < 0.65) {
              // A hold that ends during the test.
              outcomes.push(
                await outcome(
                  client`select private.reserve_nights(gen_random_uuid(), ${property}, ${from}, ${until}, clock_timestamp() + interval '20 ms')`,
                ),
              );
            } else {
              const id = crypto.randomUUID();
              const result = await outcome(
                client`select private.reserve_nights(${id}, ${property}, ${from}, ${until})`,
              );
              outcomes.push(result);
              if (result === "ok") {
                mine.push(id);
                taken.add(id);
              }
            }
          }
        }),
      );
      expect(Object.keys(countByValue(outcomes)).sort()).toEqual(["PT409", "ok"]);
      expect(await overlaps(sql, property)).toEqual([]);
      const rows = await sql<{ booking_id: string }[]>`
        select booking_id from public.occupancies where property_id = ${property} and kind = 'booking' and expires_at is null`;
      expect(rows.map((row) => row.booking_id).sort()).toEqual([...taken].sort());
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });

  it("would cause overlaps without the constraint, which the check finds", async () => {
    const property = await createPublished(host);
    await sql`update public.properties set preparation_nights_after = 2 where id = ${property}`;
    const found = await sql
      .begin(async (tx) => {
        await tx`alter table public.occupancies drop constraint occupancies_do_not_overlap`;
        for (const [from, until] of [
          ["2031-07-01", "2031-07-05"],
          ["2031-07-04", "2031-07-06"],
          ["2031-07-07", "2031-07-08"],
        ] as const) {
          await tx`insert into public.occupancies (property_id, kind, check_in, check_out, booking_id)
            values (${property}, 'booking', ${from}, ${until}, gen_random_uuid())`;
        }
        throw { found: (await overlaps(tx, property)).length };
      })
      .catch((thrown: { found: number }) => thrown.found);
    // The first two share a night; the second and the third have one night between them instead of two.
    expect(found).toBe(2);
  });
});

describe("search, calendar, bookability and the constraint", () => {
  const zones = ["Europe/Lisbon", "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago"];
  const properties: string[] = [];
  const centre = { latitude: -77.5 + Math.random() * 5, longitude: 150 + Math.random() * 20 };

  beforeAll(async () => {
    for (const _ of zones) properties.push(await createPublished(host));
    // The first contains the second, so that each takes the other's nights.
    await host.client
      .rpc("link_properties", {
        p_property_id: properties[0] as string,
        p_part_ids: [properties[1] as string],
      })
      .throwOnError();
    // In Antarctica, where no other test has properties.
    await sql`update public.property_addresses set latitude = ${centre.latitude}, longitude = ${centre.longitude} where property_id = any (${properties})`;
    await sql`insert into public.property_amenities (property_id, amenity_id) select unnest(${properties}::uuid[]), 'wifi'`;
    await sql`create or replace function private.tests_accepts(p_property uuid, p_from date, p_until date) returns boolean
      language plpgsql as $$
      begin
        perform private.reserve_nights(gen_random_uuid(), p_property, p_from, p_until);
        raise sqlstate 'UNDO1';
      exception when sqlstate 'UNDO1' then return true; when sqlstate 'PT409' then return false;
      end $$`;
    await sql`revoke execute on function private.tests_accepts(uuid, date, date) from public`;
    // The total of a booking, or null where the booking is refused.
    await sql`create or replace function private.tests_books(p_guest uuid, p_property uuid, p_from date, p_until date, p_party integer[], p_ages integer[])
      returns bigint language plpgsql as $$
      declare
        v_id uuid;
        v_total bigint;
      begin
        v_id := private.create_booking(
          p_guest, p_property, p_from, p_until, p_party[1], p_party[2], p_party[3], p_party[4], null, null, now(), p_ages);
        select b.guest_total into v_total from private.bookings b where b.id = v_id;
        raise sqlstate 'UNDO1';
      exception when sqlstate 'UNDO1' then return v_total; when sqlstate 'PT409' or sqlstate 'PT422' then return null;
      end $$`;
    await sql`revoke execute on function private.tests_books(uuid, uuid, date, date, integer[], integer[]) from public`;
  });

  const night = fc.integer({ min: 0, max: 40 });
  const range = fc
    .tuple(night, fc.integer({ min: 1, max: 8 }))
    .map(([from, nights]) => ({ from, until: from + nights }));
  const weekdays = fc.oneof(
    { weight: 8, arbitrary: fc.constant([1, 2, 3, 4, 5, 6, 7]) },
    { weight: 1, arbitrary: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 4 }) },
  );
  const rules = fc.record({
    min_nights: fc.integer({ min: 1, max: 3 }),
    gap_min_nights: fc.constantFrom(null, 1, 2),
    max_nights: fc.integer({ min: 3, max: 7 }),
    check_in_weekdays: weekdays,
    check_out_weekdays: weekdays,
    advance_notice_days: fc.integer({ min: 0, max: 2 }),
    advance_notice_cut_off: fc.constantFrom("00:00", "12:00", "18:00", "24:00"),
    preparation_nights_before: fc.integer({ min: 0, max: 2 }),
    preparation_nights_after: fc.integer({ min: 0, max: 2 }),
    booking_window_days: fc.integer({ min: 20, max: 60 }),
    max_guests: fc.constantFrom(1, 2, 3, 4, 12),
    max_infants: fc.integer({ min: 0, max: 2 }),
    max_pets: fc.integer({ min: 0, max: 1 }),
    weekend_price: fc.constantFrom(null, 15_000),
    weekly_discount_percent: fc.constantFrom(0, 10),
    last_minute_days: fc.constantFrom(7, 14),
    last_minute_discount_percent: fc.constantFrom(0, 13),
    extra_guest_price: fc.constantFrom(0, 1_501),
    children: fc.boolean(),
    fees: fc.array(
      fc.record({
        kind: fc.constantFrom("cleaning", "pet", "other"),
        charge: fc.constantFrom("per_booking", "per_night", "per_guest", "per_guest_night"),
        amount: fc.integer({ min: 1, max: 9_999 }),
        exempt_under_age: fc.constantFrom(null, 4, 13),
      }),
      { maxLength: 3 },
    ),
    taxes: fc.array(
      fc.record({
        charge: fc.constantFrom("percent", "percent", "per_booking", "per_guest_night"),
        applies_to: fc.constantFrom("all", "rent", "fees"),
        is_inclusive: fc.boolean(),
        max_nights: fc.constantFrom(null, null, 2),
        exempt_from_nights: fc.constantFrom(null, null, 4),
        exempt_under_age: fc.constantFrom(null, 12, 18),
      }),
      { maxLength: 3 },
    ),
    season: fc.option(
      fc.record({
        range,
        min_nights: fc.constantFrom(null, 1, 4),
        price: fc.integer({ min: 5_000, max: 30_000 }),
      }),
    ),
    overrides: fc.array(fc.record({ range, price: fc.integer({ min: 5_000, max: 30_000 }) }), {
      maxLength: 2,
    }),
    // what one call of set_calendar sets
    calendar: fc.array(
      fc.record({
        range,
        values: fc.constantFrom(
          { closed_to_arrival: true },
          { closed_to_departure: true },
          { min_nights: 2, max_nights: 6 },
          { closed: true },
          { price: 8_000, min_nights: null },
          { price: null, closed: false, closed_to_arrival: null },
        ),
      }),
      { maxLength: 4 },
    ),
    taken: fc.array(
      fc.record({
        range,
        kind: fc.constantFrom("stay", "hold", "ended hold", "block", "external", "old setting"),
      }),
      { maxLength: 4 },
    ),
  });
  // Mostly stays that can be booked, so that the edge of each rule is tested, too.
  const request = fc.record({
    stay: fc
      .tuple(fc.integer({ min: 0, max: 24 }), fc.integer({ min: 1, max: 7 }))
      .map(([from, nights]) => ({ from, until: from + nights })),
    adults: fc.constantFrom(1, 1, 1, 2, 3, 12),
    ages: fc.constantFrom<number[]>([], [], [], [4], [12, 3]),
    infants: fc.constantFrom(0, 0, 0, 0, 1),
    pets: fc.constantFrom(0, 0, 0, 0, 1),
  });

  it("always agree", { timeout: 600_000 }, async () => {
    let [offered, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(rules, rules, rules, rules),
        fc.array(request, { minLength: 6, maxLength: 6 }),
        async (each, requests) => {
          for (const [index, rule] of each.entries())
            await applyRules(properties[index] as string, zones[index] as string, rule);
          for (const { stay, adults, ages, infants, pets } of requests) {
            const children = ages.length;
            const [checkIn, checkOut] = [dayAhead(stay.from - 1), dayAhead(stay.until - 1)];
            const party = { adults, children, ages, infants, pets };
            const found = await searchAll({ p_check_in: checkIn, p_check_out: checkOut }, party);
            await compareFlexible(checkIn, stay.until - stay.from, party);
            await compareDateless(party);
            for (const property of properties) {
              const [answer] = await sql<
                {
                  reasons: { code: string }[];
                  accepted: boolean;
                  calendar: boolean;
                  rent: string | null;
                  total: string;
                  booked: string | null;
                }[]
              >`
                select
                  private.bookability(${property}, ${checkIn}, ${checkOut}, ${adults}, ${children}, ${infants}, ${pets}) as reasons,
                  private.tests_accepts(${property}, ${checkIn}, ${checkOut}) as accepted,
                  private.tests_books(${guest.id}, ${property}, ${checkIn}, ${checkOut}, ${[adults, children, infants, pets]}, ${ages}) as booked,
                  (
                    select sum(n.price) from public.properties p, unnest(private.night_prices(p, ${checkIn}, ${checkOut})) n (price)
                    where p.id = ${property}
                  ) as rent,
                  (private.compute_quote((select p from public.properties p where p.id = ${property}), ${checkIn}, ${checkOut}, ${adults}, ${children}, ${infants}, ${pets}, null, now(), ${ages})).guest_total as total,
                  (
                    select bool_and(c.free) filter (where c.day < ${checkOut})
                      and bool_and(c.arrival_allowed and ${stay.until - stay.from}::integer between c.min_nights and c.max_nights) filter (where c.day = ${checkIn})
                      and bool_and(c.departure_allowed) filter (where c.day = ${checkOut})
                    from private.property_calendar(${property}, ${checkIn}, ${checkOut}::date + 1) c
                  ) as calendar`;
              if (answer === undefined) throw new Error("no answer");
              const codes = answer.reasons.map(({ code }) => code);
              const context = JSON.stringify({ property, checkIn, checkOut, codes });
              const partyRules = [
                "too_many_guests",
                "too_many_infants",
                "too_many_pets",
                "pets_not_allowed",
                "children_not_allowed",
              ];
              const clashes = ["occupied", "preparation_before", "preparation_after"];
              // Search offers exactly the properties that can be booked.
              expect(found.has(property), `search: ${context}`).toBe(codes.length === 0);
              // A booking succeeds at the price of its quote, or is refused.
              expect(answer.booked, `booking: ${context}`).toBe(codes.length === 0 ? answer.total : null);
              // The constraint refuses exactly the stays that bookability says clash with others.
              expect(answer.accepted, `constraint: ${context}`).toBe(
                !codes.some((code) => clashes.includes(code)),
              );
              // The calendar agrees about the dates.
              expect(answer.calendar, `calendar: ${context}`).toBe(
                codes.every((code) => partyRules.includes(code)),
              );
              if (codes.length === 0)
                expect(found.get(property), `price: ${context}`).toEqual({
                  rent: Number(answer.rent),
                  total: Number(answer.total),
                  checkIn,
                });
              if (codes.length === 0) offered += 1;
              else refused += 1;
            }
          }
        },
      ),
      { numRuns: runs(20), endOnFailure: true },
    );
    // The test must have seen both outcomes often.
    expect(Math.min(offered, refused)).toBeGreaterThan(30);
  });

  /** Gives a property these rules and occupancies in place of its present ones. */
  async function applyRules(
    property: string,
    zone: string,
    rule: typeof rules extends fc.Arbitrary<infer T> ? T : never,
  ) {
    const { children, fees, taxes, season, overrides, calendar, taken, ...columns } = rule;
    await sql.begin(async (tx) => {
      // Rows that clash with earlier ones are skipped.
      const attempt = (write: (tx: postgres.TransactionSql) => Promise<unknown>) =>
        tx.savepoint(write).catch((error: { code?: string }) => {
          if (error.code !== "PT409" && error.code !== "23P01") throw error;
        });
      await tx`delete from public.occupancies where property_id = ${property}`;
      await tx`delete from public.host_blocks where property_id = ${property}`;
      await tx`delete from public.external_blocks where property_id = ${property}`;
      await tx`delete from public.property_seasons where property_id = ${property}`;
      await tx`delete from public.property_date_overrides where property_id = ${property}`;
      await tx`delete from public.property_availability_rules where property_id = ${property}`;
      await tx`delete from public.property_fees where property_id = ${property}`;
      await tx`delete from public.property_taxes where property_id = ${property}`;
      for (const [n, fee] of fees.entries()) {
        await attempt(
          (
            tx,
          ) => tx`insert into public.property_fees (property_id, kind, name, charge, amount, exempt_under_age)
            values (${property}, ${fee.kind}, ${`Fee ${n}`}, ${fee.charge}, ${fee.amount},
              ${fee.kind !== "pet" && fee.charge.startsWith("per_guest") ? fee.exempt_under_age : null})`,
        );
      }
      for (const [n, tax] of taxes.entries()) {
        const share = tax.charge === "percent";
        await tx`insert into public.property_taxes (property_id, name, charge, percent, applies_to, amount, is_inclusive, max_nights, exempt_from_nights, exempt_under_age)
          values (${property}, ${`Tax ${n}`}, ${tax.charge}, ${share ? 6.5 : null}, ${share ? tax.applies_to : null}, ${share ? null : 213},
            ${tax.is_inclusive}, ${tax.max_nights}, ${tax.exempt_from_nights}, ${tax.charge === "per_guest_night" ? tax.exempt_under_age : null})`;
      }
      await tx`insert into public.house_rules (property_id, children_allowed) values (${property}, ${children})`;
      for (const { range, kind } of taken) {
        const [from, until] = [dayAhead(range.from), dayAhead(range.until)];
        await attempt(async (tx) => {
          if (kind === "block") {
            await tx`insert into public.host_blocks (property_id, check_in, check_out) values (${property}, ${from}, ${until})`;
          } else if (kind === "external") {
            await tx`insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
              values (${property}, 'feed', ${crypto.randomUUID()}, ${from}, ${until})`;
          } else {
            const end = { stay: null, "old setting": null, hold: "1 hour", "ended hold": "-1 second" }[kind];
            await tx`select private.reserve_nights(gen_random_uuid(), ${property}, ${from}, ${until}, clock_timestamp() + ${end}::interval)`;
          }
        });
        // Occupancies keep the preparation nights of their time, so some are made under other settings.
        if (kind === "old setting") {
          await tx`update public.properties set preparation_nights_before = 2 - preparation_nights_before, preparation_nights_after = 2 - preparation_nights_after where id = ${property}`;
        }
      }
      await tx`update public.properties set ${tx({ ...columns, time_zone: zone })} where id = ${property}`;
      if (season !== null) {
        await tx`insert into public.property_seasons (property_id, name, starts_on, ends_on, price, min_nights)
          values (${property}, 'Season', ${dayAhead(season.range.from)}, ${dayAhead(season.range.until)}, ${season.price}, ${season.min_nights})`;
      }
      for (const { range, price } of overrides) {
        await attempt(
          (tx) => tx`insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
            values (${property}, ${dayAhead(range.from)}, ${dayAhead(range.until)}, ${price})`,
        );
      }
      if (calendar.length > 0) {
        const ranges = calendar.map(({ range, values }) => ({
          from: dayAhead(range.from),
          until: dayAhead(range.until),
          ...values,
        }));
        await tx`select private.set_calendar(${property}, ${tx.json(ranges)})`;
      }
    });
  }

  interface Party {
    adults: number;
    children: number;
    /** Of the children, at check-in. */
    ages: number[];
    infants: number;
    pets: number;
  }

  /** Expects flexible dates to find for each property the cheapest of the fixed dates, and of these the first. */
  async function compareFlexible(checkIn: string, nights: number, party: Party) {
    const month = checkIn.slice(0, 7);
    const days = Array.from({ length: 31 }, (_, n) => addDays(`${month}-01`, n)).filter((d) =>
      d.startsWith(month),
    );
    // Search refuses dates that are past in every time zone.
    const middle = addDays(checkIn, 2);
    const around = [-2, -1, 0, 1, 2].map((n) => addDays(middle, n));
    const searches = [
      {
        dates: { p_check_in: middle, p_check_out: addDays(middle, nights), p_flexible_days: 2 },
        arrivals: around,
        nights,
      },
      {
        dates: { p_month: month, p_nights: nights },
        arrivals: days.filter((d) => addDays(d, nights) <= addDays(days.at(-1) ?? "", 1)),
        nights,
      },
      {
        dates: { p_month: month, p_weekend: true },
        arrivals: days.filter((d) => new Date(d).getUTCDay() === 5),
        nights: 2,
      },
    ];
    for (const { dates, arrivals, nights: length } of searches) {
      const expected = await sql<{ property: string; total: string; day: string }[]>`
        select distinct on (p.id) p.id as property, q.guest_total as total, to_char(a, 'YYYY-MM-DD') as day
        from public.properties p
        cross join unnest(${arrivals}::date[]) a
        cross join lateral private.compute_quote(p, a, a + ${length}::integer, ${party.adults}, ${party.children}, ${party.infants}, ${party.pets}, null, now(), ${party.ages}) q
        where p.id = any (${properties}::uuid[])
          and private.bookability(p.id, a, a + ${length}::integer, ${party.adults}, ${party.children}, ${party.infants}, ${party.pets}) = '[]'
        order by p.id, q.guest_total, a`;
      const found = await searchAll(dates, party);
      expect(
        [...found]
          .map(([property, { total, checkIn }]) => ({ property, total: String(total), day: checkIn }))
          .sort(byProperty),
        JSON.stringify({ dates, party }),
      ).toEqual([...expected].sort(byProperty));
    }
  }

  /** Expects a search without dates to find properties that take the party, at their base price, in a circle and in a viewport. */
  async function compareDateless({ adults, children, ages, infants, pets }: Party) {
    const expected = await sql<{ id: string; price: number }[]>`
      select p.id, p.base_price::integer as price from public.properties p
      where p.id = any (${properties}) and p.max_guests >= ${adults + children} and p.max_infants >= ${infants} and p.max_pets >= ${pets}
        and (${children + infants} = 0 or private.children_allowed(p.id))
      order by p.id`;
    const { latitude, longitude } = centre;
    const areas = [
      { p_latitude: latitude, p_longitude: longitude, p_radius: 5_000, p_sort: "price" },
      {
        p_west: longitude - 0.5,
        p_south: latitude - 0.1,
        p_east: longitude + 0.5,
        p_north: latitude + 0.1,
      },
    ];
    for (const area of areas) {
      for (const highest of [11_999, 12_000]) {
        const asked = {
          ...area,
          p_adults: adults,
          p_children: children,
          p_infants: infants,
          p_pets: pets,
          p_children_ages: `{${ages}}` as unknown as number[],
          p_amenities: ["wifi"],
          p_currency: "EUR",
          p_max_price: highest,
        };
        const { data } = await anonymous().rpc("search_properties", asked, { get: true }).throwOnError();
        expect(data.map(({ property_id }) => property_id).sort(), JSON.stringify(asked)).toEqual(
          expected.filter(({ price }) => price <= highest).map(({ id }) => id),
        );
      }
    }
  }

  const byProperty = (a: { property: string }, b: { property: string }) =>
    a.property.localeCompare(b.property);

  /** Reads every page of a search: each property with its rent, total and check-in. */
  async function searchAll(
    dates: {
      p_check_in?: string;
      p_check_out?: string;
      p_flexible_days?: number;
      p_month?: string;
      p_nights?: number;
      p_weekend?: boolean;
    },
    { adults, children, ages, infants, pets }: Party,
  ) {
    const found = new Map<string, { rent: number; total: number; checkIn: string }>();
    let last = 0;
    let after: string | undefined;
    for (;;) {
      const { data, error } = await anonymous().rpc(
        "search_properties",
        {
          p_latitude: centre.latitude,
          p_longitude: centre.longitude,
          p_radius: 5_000,
          ...dates,
          p_adults: adults,
          p_children: children,
          p_infants: infants,
          p_pets: pets,
          p_children_ages: `{${ages}}` as unknown as number[],
          p_amenities: ["wifi"],
          p_sort: adults % 2 === 0 ? "price" : "distance",
          p_limit: 3,
          ...(after === undefined ? {} : { p_after: after }),
        },
        { get: true },
      );
      if (error !== null) {
        // A past date is refused.
        if (error.details?.includes("dates_have_passed")) return found;
        throw error;
      }
      for (const row of data) {
        expect(found.has(row.property_id), "each property is found once").toBe(false);
        found.set(row.property_id, { rent: row.rent, total: row.total, checkIn: row.check_in });
        if (adults % 2 === 0) {
          expect(row.total, "the cheapest first").toBeGreaterThanOrEqual(last);
          last = row.total;
        }
      }
      if (data.length < 3) return found;
      after = data.at(-1)?.cursor;
    }
  }

  afterAll(async () => {
    await sql`drop function private.tests_accepts(uuid, date, date)`;
    await sql`drop function private.tests_books(uuid, uuid, date, date, integer[], integer[])`;
  });
});
