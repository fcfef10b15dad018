// Simultaneous bookings: one of them wins, the others get 409, and no night is sold twice.

import { afterAll, beforeAll, expect, it } from "vitest";
import { book, bookConfirmed, proposeCheckOut } from "../support/bookings.ts";
import { requestRest, service } from "../support/clients.ts";
import { countByValue } from "../support/counts.ts";
import { database } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { dayAhead, expireBookingIn, sleepUntil } from "../support/time.ts";

const sql = database();
let ana: Person;
let guests: Person[];

beforeAll(async () => {
  ana = await signUp("Ana");
  guests = await Promise.all(
    ["Ben", "Eva", "Cal", "Dan", "Fay", "Gus", "Hal", "Ida"].map((name) => signUp(name)),
  );
});
afterAll(() => sql.end());

const guest = (index: number): Person => {
  const person = guests[index % guests.length];
  if (person === undefined) throw new Error("no guests");
  return person;
};

/** Makes `count` attempts, `width` at a time. */
async function runInBatches<T>(
  count: number,
  width: number,
  attempt: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < count; from += width) {
    const batch = Array.from({ length: Math.min(width, count - from) }, (_, index) => attempt(from + index));
    results.push(...(await Promise.all(batch)));
  }
  return results;
}

/** Books from one day ahead to another, with an idempotency key if there is one; returns status and body. */
const tryToBook = (person: Person, property: string, from: number, until: number, key?: string) =>
  requestRest(person, "POST", "bookings", {
    property_id: property,
    check_in: dayAhead(from),
    check_out: dayAhead(until),
    ...(key === undefined ? {} : { idempotency_key: key }),
  });

/** Counts nights sold twice, bookings that do not match their occupancy, unrecorded states and wrong totals. */
async function faults(property: string) {
  const [row] = await sql`
    select
      (select count(*)::int from private.bookings a join private.bookings b on a.property_id = b.property_id and a.id < b.id
       where a.property_id = ${property} and a.status in ('requested', 'awaiting_payment', 'confirmed')
         and b.status in ('requested', 'awaiting_payment', 'confirmed')
         and daterange(a.check_in, a.check_out) && daterange(b.check_in, b.check_out)) as overlaps,
      (select count(*)::int from private.bookings b
       full join public.occupancies o on o.booking_id = b.id
       where coalesce(b.property_id, o.property_id) = ${property} and o.kind is distinct from 'host_block'
         and (b.status in ('requested', 'awaiting_payment', 'confirmed')) is distinct from (o.id is not null)) as strays,
      (select count(*)::int from private.bookings b
       where b.property_id = ${property} and b.status <> (
         select e.to_status from private.booking_events e where e.booking_id = b.id order by e.id desc limit 1)) as unrecorded,
      (select count(*)::int from private.bookings b
       where b.property_id = ${property} and (b.guest_total, b.host_total) <> (
         select sum(i.amount), sum(i.host_amount) from private.booking_line_items i where i.booking_id = b.id)) as wrong_sums`;
  return row;
}
const noFaults = { overlaps: 0, strays: 0, unrecorded: 0, wrong_sums: 0 };

it("of 1,000 attempts to book the same nights one succeeds, and the others get 409", async () => {
  const property = await createBookable(ana);
  const answers = await runInBatches(1000, 50, (index) => tryToBook(guest(index), property, 30, 33));
  expect(countByValue(answers.map(({ status }) => status))).toEqual({ 201: 1, 409: 999 });
  expect(await faults(property)).toEqual(noFaults);
}, 120_000);

it("requests for several properties in opposite orders end soon and without a deadlock", async () => {
  const properties = await Promise.all([createBookable(ana), createBookable(ana)]);
  const stays = (from: number) =>
    properties.map((property) => ({
      property_id: property,
      check_in: dayAhead(from),
      check_out: dayAhead(from + 1),
    }));
  const began = performance.now();
  const answers = await runInBatches(24, 4, (index) =>
    index % 4 < 2
      ? requestRest(
          guest(index),
          "POST",
          "bookings",
          index % 2 ? stays(index + 2).reverse() : stays(index + 2),
        )
      : requestRest(ana, "POST", "host_blocks", index % 2 ? stays(index + 40).reverse() : stays(index + 40)),
  );
  const statuses = countByValue(answers.map(({ status }) => status));
  expect(Object.keys(statuses).filter((status) => !["201", "503"].includes(status))).toEqual([]);
  expect(statuses[201]).toBeGreaterThan(0);
  // Postgres needs a second to detect a single deadlock.
  expect(performance.now() - began).toBeLessThan(24_000);
  for (const property of properties) expect(await faults(property)).toEqual(noFaults);
});

it("1,000 random attempts to book one property end without an overlap or a lost booking", async () => {
  const property = await createBookable(ana);
  let seed = 4;
  const random = (limit: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  const stays = Array.from({ length: 1000 }, () => {
    const from = 10 + random(120);
    return { from, until: from + 1 + random(7) };
  });
  const answers = await runInBatches(1000, 50, async (index) => {
    const { from, until } = stays[index] ?? { from: 0, until: 0 };
    return { from, until, ...(await tryToBook(guest(index), property, from, until)) };
  });
  const counts = countByValue(answers.map(({ status }) => status));
  expect(Object.keys(counts).sort()).toEqual(["201", "409"]);
  expect(await faults(property)).toEqual(noFaults);
  const won = answers.filter(({ status }) => status === 201);
  const [stored] = await sql`select count(*)::int from private.bookings where property_id = ${property}`;
  expect(stored?.count).toBe(won.length);
  // Every refused attempt clashes with one that succeeded.
  const lost = answers.filter(({ status }) => status === 409);
  expect(lost.every((l) => won.some((w) => w.from < l.until && l.from < w.until))).toBe(true);
}, 120_000);

it("50 requests with one idempotency key make one booking, and all return it", async () => {
  const property = await createBookable(ana);
  const answers = await runInBatches(50, 50, () => tryToBook(guest(0), property, 30, 33, "the-same"));
  expect(countByValue(answers.map(({ status }) => status))).toEqual({ 201: 50 });
  expect(new Set(answers.map(({ body }) => (body as { id: string }[])[0]?.id)).size).toBe(1);
  const mixed = await runInBatches(20, 20, (index) =>
    tryToBook(guest(0), property, 40 + (index % 2) * 5, 43 + (index % 2) * 5, "two"),
  );
  expect(countByValue(mixed.map(({ status }) => status))).toEqual({ 201: 10, 422: 10 });
  expect(await faults(property)).toEqual(noFaults);
});

it("a cancellation while others book gives the nights to at most one of them", async () => {
  const property = await createBookable(ana);
  for (let round = 0; round < 10; round++) {
    const { id } = await bookConfirmed(guest(0), property, 30, 3);
    const [cancelled, ...rivals] = await Promise.all([
      guest(0).client.rpc("cancel_booking", { p_booking_id: id }),
      ...Array.from({ length: 8 }, (_, index) => tryToBook(guest(index + 1), property, 31, 34)),
    ]);
    expect(cancelled.error).toBeNull();
    const statuses = countByValue(rivals.map(({ status }) => status));
    expect(statuses[201] ?? 0).toBeLessThanOrEqual(1);
    expect((statuses[201] ?? 0) + (statuses[409] ?? 0)).toBe(8);
    expect(await faults(property)).toEqual(noFaults);
    for (const person of guests) {
      await person.client
        .from("bookings")
        .delete()
        .eq("property_id", property)
        .eq("status", "awaiting_payment")
        .throwOnError();
    }
  }
});

it("of a simultaneous acceptance, refusal and withdrawal one succeeds", async () => {
  const property = await createBookable(ana, { booking_mode: "request" });
  for (let round = 0; round < 10; round++) {
    const { id } = await book(guest(0), property, 30, 3);
    const answers = await Promise.all([
      ana.client.rpc("accept_booking", { p_booking_id: id }),
      ana.client.rpc("decline_booking", { p_booking_id: id }),
      guest(0).client.from("bookings").delete().eq("id", id),
    ]);
    const { data } = await service().from("bookings").select("status").eq("id", id).single().throwOnError();
    const won = answers.filter(({ error }) => error === null).length;
    // A guest may still withdraw a booking that was accepted a moment before.
    expect([1, data.status === "withdrawn" ? 2 : 1]).toContain(won);
    expect(answers.every(({ status }) => [200, 204, 403, 409].includes(status))).toBe(true);
    expect(await faults(property)).toEqual(noFaults);
    await guest(0).client.from("bookings").delete().eq("id", id);
  }
});

it.each([
  ["acceptance", "request", "accept_booking"],
  ["confirmation", "instant", "confirm_booking"],
] as const)(
  "%s, withdrawal, expiry, its cleanup and rival bookings at the same moment leave one legal state",
  async (_, mode, act) => {
    const property = await createBookable(ana, { booking_mode: mode });
    const outcomes: string[] = [];
    for (let round = 0; round < 24; round++) {
      const { id } = await book(guest(0), property, 30, 3);
      const ends = await expireBookingIn(sql, id, 0.15);
      // Each acts some milliseconds before or after the end, in a new order and wider apart every round.
      const at = (turn: number) => {
        const offset = (((round * 7 + turn * 11) % 25) - 12) * (1 + round / 4);
        return sleepUntil(ends + offset);
      };
      const answers = await Promise.all([
        at(0).then(() =>
          act === "accept_booking"
            ? ana.client.rpc(act, { p_booking_id: id })
            : service().rpc(act, { p_booking_id: id }),
        ),
        at(1).then(() => guest(0).client.from("bookings").delete().eq("id", id).select("id")),
        at(2).then(() => sql`select private.expire_and_complete_bookings()`.then(() => ({ status: 200 }))),
        at(3).then(() => tryToBook(guest(1), property, 31, 34)),
        at(4).then(() => tryToBook(guest(2), property, 32, 35)),
      ]);
      expect(
        answers.map(({ status }) => status).filter((status) => ![200, 201, 409].includes(status)),
      ).toEqual([]);
      await sql`select private.expire_and_complete_bookings()`;
      expect(await faults(property)).toEqual(noFaults);
      const steps = await sql<{ from: string; to: string; legal: boolean; chained: boolean }[]>`
        select e.from_status as from, e.to_status as to,
          exists (select from private.booking_transitions t
            where (t.from_status, t.to_status, t.actor) = (e.from_status, e.to_status, e.actor)) as legal,
          e.from_status = lag(e.to_status) over (order by e.id) as chained
        from private.booking_events e where e.booking_id = ${id} order by e.id offset 1`;
      expect(steps.filter(({ legal, chained }) => !legal || !chained)).toEqual([]);
      const [accepted, , , ...rivals] = answers;
      // The record shows a success, and a rival gets the nights only when the guest has lost them.
      expect(steps.some(({ to }) => to === "awaiting_payment" || to === "confirmed")).toBe(
        accepted.status === 200,
      );
      const won = rivals.filter(({ status }) => status === 201).length;
      const kept = ["awaiting_payment", "confirmed"].includes(steps.at(-1)?.to ?? "");
      expect(won).toBeLessThanOrEqual(kept ? 0 : 1);
      outcomes.push(steps.at(-1)?.to ?? "");
      if (kept && act === "confirm_booking")
        await guest(0).client.rpc("cancel_booking", { p_booking_id: id }).throwOnError();
      for (const person of guests) {
        await person.client
          .from("bookings")
          .delete()
          .eq("property_id", property)
          .in("status", ["requested", "awaiting_payment"])
          .throwOnError();
      }
    }
    // If every round ended the same way, there would be no race.
    expect(new Set(outcomes).size).toBeGreaterThan(1);
  },
);

it("of a simultaneous alteration and booking of the same nights one succeeds", async () => {
  const property = await createBookable(ana);
  for (let round = 0; round < 8; round++) {
    const { id } = await bookConfirmed(guest(0), property, 30, 3);
    const alterationId = await proposeCheckOut(guest(0), id, dayAhead(35));
    const [accepted, booked] = await Promise.all([
      ana.client.rpc("accept_alteration", { p_alteration_id: alterationId }),
      tryToBook(guest(1), property, 33, 36),
    ]);
    expect([accepted.status, booked.status].sort()).toEqual(
      accepted.status === 200 ? [200, 409] : [201, 409],
    );
    expect(await faults(property)).toEqual(noFaults);
    await guest(0).client.rpc("cancel_booking", { p_booking_id: id }).throwOnError();
    await guest(1)
      .client.from("bookings")
      .delete()
      .eq("property_id", property)
      .eq("status", "awaiting_payment")
      .throwOnError();
  }
});

it("deadlocks and serialization failures are retried before a client gets an error", async () => {
  const property = await createBookable(ana);
  await sql.unsafe(`
    create sequence private.test_faults;
    create function private.test_fault() returns trigger language plpgsql as $$
    begin
      case nextval('private.test_faults') % 3
        when 0 then raise exception 'injected' using errcode = '40P01';
        when 1 then raise exception 'injected' using errcode = '40001';
        else return new;
      end case;
    end $$;
    grant usage on sequence private.test_faults to postgres;
    -- Other tests run at the same time, so only bookings of this property fail.
    create trigger test_fault before insert on private.bookings for each row
      when (new.property_id = '${property}') execute function private.test_fault();
    grant execute on function private.test_fault() to postgres`);
  try {
    const answers = await runInBatches(12, 4, (index) =>
      tryToBook(guest(index), property, 30 + 2 * index, 32 + 2 * index),
    );
    expect(new Set(answers.map(({ status }) => status)).isSubsetOf(new Set([201, 503]))).toBe(true);
    expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThan(6);
    expect(await faults(property)).toEqual(noFaults);
  } finally {
    await sql.unsafe(`
      drop trigger test_fault on private.bookings;
      drop function private.test_fault();
      drop sequence private.test_faults`);
  }
});

it("a booking that exceeds the statement timeout leaves nothing, and its key can be used again", async () => {
  const property = await createBookable(ana);
  const claims = JSON.stringify({ sub: guest(0).id, role: "authenticated" });
  const blocker = await sql.reserve();
  await blocker`begin`;
  await blocker`select from public.properties where id = ${property} for no key update`;
  const attempt = sql.begin(async (tx) => {
    await tx`select set_config('request.jwt.claims', ${claims}, true)`;
    await tx`set local role authenticated`;
    await tx`set local statement_timeout = '200ms'`;
    await tx`insert into public.bookings (property_id, check_in, check_out, idempotency_key)
      values (${property}, ${dayAhead(30)}, ${dayAhead(33)}, 'late')`;
  });
  await expect(attempt).rejects.toMatchObject({ code: "57014" });
  await blocker`rollback`;
  blocker.release();
  const [left] = await sql`select count(*)::int from private.bookings where property_id = ${property}`;
  expect(left?.count).toBe(0);
  expect((await tryToBook(guest(0), property, 30, 33, "late")).status).toBe(201);
  expect(await faults(property)).toEqual(noFaults);
});
