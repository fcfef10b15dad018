// However many clients of one account ask at once, it never keeps more nights unpaid than the limits allow.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultLimits, raiseLimits, setLimits } from "../support/booking-limits.ts";
import type { Client } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { dayAhead, expireBookingIn } from "../support/time.ts";

const sql = database();
afterAll(async () => {
  await raiseLimits(sql);
  await sql.end();
});

let host: Person;
let properties: string[];
/** Half of the settings, rounded up: a new account is young. */
const limits = { bookings: 5, nights: 60, bookingsAtProperty: 2, nightsAtProperty: 16 };

beforeAll(async () => {
  await setLimits(sql, defaultLimits);
  host = await signUp("Ana");
  properties = await Promise.all([createBookable(host), createBookable(host)]);
});

async function book(client: Client, property: string, from: number, nights: number) {
  const { data, error, status } = await client
    .from("bookings")
    .insert({ property_id: property, check_in: dayAhead(from), check_out: dayAhead(from + nights) })
    .select("id, nights, property_id");
  return { booking: data?.[0], error, status };
}

const codeOf = (error: { details: string } | null) =>
  error === null ? "" : (JSON.parse(error.details) as { code: string }[])[0]?.code;

describe("booking limits", () => {
  it("hold for any number of clients at once", async () => {
    const wish = fc.record({
      property: fc.integer({ min: 0, max: 1 }),
      nights: fc.integer({ min: 1, max: 20 }),
    });
    let from = 20;
    await fc.assert(
      fc.asyncProperty(fc.array(wish, { minLength: 4, maxLength: 9 }), async (wishes) => {
        const guest = await signUp("Ben");
        const answers = await Promise.all(
          wishes.map(({ property, nights }) => {
            const first = from;
            from = 20 + ((from - 20 + nights) % 250);
            return book(guest.client, properties[property] ?? "", first, nights);
          }),
        );
        const held = answers.flatMap(({ booking }) => booking ?? []);
        expect(held.length).toBeGreaterThan(0);
        expect(held.length).toBeLessThanOrEqual(limits.bookings);
        expect(sum(held)).toBeLessThanOrEqual(limits.nights);
        for (const property of properties) {
          const here = held.filter(({ property_id }) => property_id === property);
          expect(here.length).toBeLessThanOrEqual(limits.bookingsAtProperty);
          if (here.length > 1) expect(sum(here)).toBeLessThanOrEqual(limits.nightsAtProperty);
        }
        for (const { error, status } of answers.filter(({ booking }) => booking === undefined)) {
          expect([status, ["too_many_unpaid_at_property", "too_many_unpaid_bookings"]]).toEqual([
            429,
            expect.arrayContaining([codeOf(error)]),
          ]);
        }
        await guest.client
          .from("bookings")
          .delete()
          .in(
            "id",
            held.map(({ id }) => id),
          );
      }),
      { numRuns: 6 },
    );
  });

  it("let a guest whose card fails try again, then say in seconds how long to wait", async () => {
    const guest = await signUp("Mia");
    const [property = ""] = properties;
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const { booking } = await book(guest.client, property, 300, 2);
      await expireBookingIn(sql, booking?.id ?? "", 0);
    }
    const { error, status } = await book(guest.client, property, 300, 2);
    const [problem] = JSON.parse(error?.details ?? "[]");
    expect([status, problem.code]).toEqual([429, "too_many_given_up_at_property"]);
    expect(problem.retry_after).toBeGreaterThan(86_000);
    expect(problem.retry_after).toBeLessThanOrEqual(86_400);
    expect(Date.parse(problem.retry_at) - Date.now()).toBeGreaterThan(86_000_000);
    expect(error?.hint).toContain(`${problem.retry_after} seconds`);
    expect((await book(guest.client, properties[1] ?? "", 300, 2)).status).toBe(201);
  });

  it("let no one hold nights whose address is not confirmed", async () => {
    const guest = await signUp("Eva");
    await sql`update auth.users set email_confirmed_at = null where id = ${guest.id}`;
    const { error, status } = await book(guest.client, properties[0] ?? "", 300, 2);
    expect([status, codeOf(error)]).toEqual([403, "email_not_confirmed"]);
  });
});

const sum = (bookings: { nights: number | null }[]) =>
  bookings.reduce((total, { nights }) => total + (nights ?? 0), 0);
