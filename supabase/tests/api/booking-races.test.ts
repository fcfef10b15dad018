// Many at once: one stay has one winner, nobody hears of anything but 409, and no night is sold twice.

import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, book, bookConfirmed, createBookable, inDays, tally } from "../booking-support.ts";
import { database, type Person, service, signUp } from "../support.ts";

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

/** Runs `count` attempts, `width` at a time. */
async function rush<T>(count: number, width: number, attempt: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < count; from += width) {
    const batch = Array.from({ length: Math.min(width, count - from) }, (_, index) => attempt(from + index));
    results.push(...(await Promise.all(batch)));
  }
  return results;
}

const bookStay = (person: Person, property: string, from: number, until: number, key?: string) =>
  ask(person, "POST", "bookings", {
    property_id: property,
    check_in: inDays(from),
    check_out: inDays(until),
    ...(key === undefined ? {} : { idempotency_key: key }),
  });

/** Nights that two bookings of a property both have, and bookings whose state and occupancy disagree. */
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
         select sum(i.amount), sum(i.host_amount) from public.booking_line_items i where i.booking_id = b.id)) as wrong_sums`;
  return row;
}
const none = { overlaps: 0, strays: 0, unrecorded: 0, wrong_sums: 0 };

it("1,000 attempts at one stay have one winner, and the others get 409", async () => {
  const home = await createBookable(ana);
  const answers = await rush(1000, 50, (index) => bookStay(guest(index), home, 30, 33));
  expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 1, 409: 999 });
  expect(await faults(home)).toEqual(none);
}, 120_000);

it("requests for several places in opposite orders end soon, and none in a deadlock", async () => {
  const homes = await Promise.all([createBookable(ana), createBookable(ana)]);
  const stays = (from: number) =>
    homes.map((home) => ({ property_id: home, check_in: inDays(from), check_out: inDays(from + 1) }));
  const began = performance.now();
  const answers = await rush(24, 4, (index) =>
    index % 4 < 2
      ? ask(guest(index), "POST", "bookings", index % 2 ? stays(index + 2).reverse() : stays(index + 2))
      : ask(ana, "POST", "host_blocks", index % 2 ? stays(index + 40).reverse() : stays(index + 40)),
  );
  const statuses = tally(answers.map(({ status }) => status));
  expect(Object.keys(statuses).filter((status) => !["201", "503"].includes(status))).toEqual([]);
  expect(statuses[201]).toBeGreaterThan(0);
  // A deadlock alone takes Postgres a second to see.
  expect(performance.now() - began).toBeLessThan(24_000);
  for (const home of homes) expect(await faults(home)).toEqual(none);
});

it("1,000 attempts at stays of one place by chance end without an overlap or a lost winner", async () => {
  const home = await createBookable(ana);
  let seed = 4;
  const random = (limit: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  const stays = Array.from({ length: 1000 }, () => {
    const from = 10 + random(120);
    return { from, until: from + 1 + random(7) };
  });
  const answers = await rush(1000, 50, async (index) => {
    const { from, until } = stays[index] ?? { from: 0, until: 0 };
    return { from, until, ...(await bookStay(guest(index), home, from, until)) };
  });
  const counts = tally(answers.map(({ status }) => status));
  expect(Object.keys(counts).sort()).toEqual(["201", "409"]);
  expect(await faults(home)).toEqual(none);
  const won = answers.filter(({ status }) => status === 201);
  const [stored] = await sql`select count(*)::int from private.bookings where property_id = ${home}`;
  expect(stored?.count).toBe(won.length);
  // who was refused clashes with somebody who won
  const lost = answers.filter(({ status }) => status === 409);
  expect(lost.every((l) => won.some((w) => w.from < l.until && l.from < w.until))).toBe(true);
}, 120_000);

it("one guest holds 20 stays without paying, however many are asked for at once", async () => {
  const home = await createBookable(ana);
  const keen = await signUp("Lia");
  const answers = await rush(40, 40, (index) => bookStay(keen, home, 30 + 2 * index, 31 + 2 * index));
  expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 20, 429: 20 });
  expect(await faults(home)).toEqual(none);
});

it("50 requests with one key make one booking and get it 50 times", async () => {
  const home = await createBookable(ana);
  const answers = await rush(50, 50, () => bookStay(guest(0), home, 30, 33, "the-same"));
  expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 50 });
  expect(new Set(answers.map(({ body }) => (body as { id: string }[])[0]?.id)).size).toBe(1);
  const mixed = await rush(20, 20, (index) =>
    bookStay(guest(0), home, 40 + (index % 2) * 5, 43 + (index % 2) * 5, "two"),
  );
  expect(tally(mixed.map(({ status }) => status))).toEqual({ 201: 10, 422: 10 });
  expect(await faults(home)).toEqual(none);
});

it("cancelling while others book gives the nights to one of them", async () => {
  const home = await createBookable(ana);
  for (let round = 0; round < 10; round++) {
    const { id } = await bookConfirmed(guest(0).client, home, 30, 33);
    const [cancelled, ...rivals] = await Promise.all([
      guest(0).client.rpc("cancel_booking", { p_booking_id: id }),
      ...Array.from({ length: 8 }, (_, index) => bookStay(guest(index + 1), home, 31, 34)),
    ]);
    expect(cancelled.error).toBeNull();
    const statuses = tally(rivals.map(({ status }) => status));
    expect(statuses[201] ?? 0).toBeLessThanOrEqual(1);
    expect((statuses[201] ?? 0) + (statuses[409] ?? 0)).toBe(8);
    expect(await faults(home)).toEqual(none);
    for (const person of guests) {
      await person.client
        .from("bookings")
        .delete()
        .eq("property_id", home)
        .eq("status", "awaiting_payment")
        .throwOnError();
    }
  }
});

it("acceptance, refusal and withdrawal at once leave one of them", async () => {
  const home = await createBookable(ana, { booking_mode: "request" });
  for (let round = 0; round < 10; round++) {
    const { id } = await book(guest(0).client, home, 30, 33);
    const answers = await Promise.all([
      ana.client.rpc("accept_booking", { p_booking_id: id }),
      ana.client.rpc("decline_booking", { p_booking_id: id }),
      guest(0).client.from("bookings").delete().eq("id", id),
    ]);
    const { data } = await service().from("bookings").select("status").eq("id", id).single().throwOnError();
    const won = answers.filter(({ error }) => error === null).length;
    // a guest may still withdraw what was accepted a moment before
    expect([1, data.status === "withdrawn" ? 2 : 1]).toContain(won);
    expect(answers.every(({ status }) => [200, 204, 403, 409].includes(status))).toBe(true);
    expect(await faults(home)).toEqual(none);
    await guest(0).client.from("bookings").delete().eq("id", id);
  }
});

/** Lets a request or hold end so many milliseconds from now, and answers the moment. */
async function endIn(id: string, milliseconds: number): Promise<number> {
  return sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const [row] = await tx<{ expires_at: Date }[]>`
      update private.bookings set expires_at = clock_timestamp() + make_interval(secs => ${milliseconds / 1000})
      where id = ${id} returning expires_at`;
    if (row === undefined) throw new Error("no such booking");
    await tx`update public.occupancies o set expires_at = b.expires_at from private.bookings b where o.booking_id = b.id and b.id = ${id}`;
    return row.expires_at.getTime();
  });
}

it.each([
  ["acceptance", "request", "accept_booking"],
  ["confirmation", "instant", "confirm_booking"],
] as const)(
  "%s, withdrawal, the end by the clock, its sweep and a rival at once leave one legal state",
  async (_, mode, act) => {
    const home = await createBookable(ana, { booking_mode: mode });
    const outcomes: string[] = [];
    for (let round = 0; round < 24; round++) {
      const { id } = await book(guest(0).client, home, 30, 33);
      const ends = await endIn(id, 150);
      // each acts some milliseconds before or after the end, in another order every round, and wider apart for slow machines
      const at = (turn: number) => {
        const offset = (((round * 7 + turn * 11) % 25) - 12) * (1 + round / 4);
        return new Promise((resolve) => setTimeout(resolve, ends + offset - Date.now()));
      };
      const answers = await Promise.all([
        at(0).then(() => (act === "accept_booking" ? ana.client : service()).rpc(act, { p_booking_id: id })),
        at(1).then(() => guest(0).client.from("bookings").delete().eq("id", id).select("id")),
        at(2).then(() => sql`select private.expire_and_complete_bookings()`.then(() => ({ status: 200 }))),
        at(3).then(() => bookStay(guest(1), home, 31, 34)),
        at(4).then(() => bookStay(guest(2), home, 32, 35)),
      ]);
      expect(
        answers.map(({ status }) => status).filter((status) => ![200, 201, 409].includes(status)),
      ).toEqual([]);
      await sql`select private.expire_and_complete_bookings()`;
      expect(await faults(home)).toEqual(none);
      const steps = await sql<{ from: string; to: string; legal: boolean; chained: boolean }[]>`
        select e.from_status as from, e.to_status as to,
          exists (select from private.booking_transitions t
            where (t.from_status, t.to_status, t.actor) = (e.from_status, e.to_status, e.actor)) as legal,
          e.from_status = lag(e.to_status) over (order by e.id) as chained
        from private.booking_events e where e.booking_id = ${id} order by e.id offset 1`;
      expect(steps.filter(({ legal, chained }) => !legal || !chained)).toEqual([]);
      const [accepted, , , ...rivals] = answers;
      // who was told yes is in the record; of the rivals one has the nights, and none while the guest keeps them
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
          .eq("property_id", home)
          .in("status", ["requested", "awaiting_payment"])
          .throwOnError();
      }
    }
    // a race that always ends the same way is none
    expect(new Set(outcomes).size).toBeGreaterThan(1);
  },
);

it("an alteration and a booking of the same nights end with one of them", async () => {
  const home = await createBookable(ana);
  for (let round = 0; round < 8; round++) {
    const { id } = await bookConfirmed(guest(0).client, home, 30, 33);
    const { data: asked } = await guest(0)
      .client.from("bookings")
      .update({ check_out: inDays(35) })
      .eq("id", id)
      .select("open_alteration_id")
      .single()
      .throwOnError();
    const [accepted, booked] = await Promise.all([
      ana.client.rpc("accept_alteration", { p_alteration_id: asked.open_alteration_id ?? "" }),
      bookStay(guest(1), home, 33, 36),
    ]);
    expect([accepted.status, booked.status].sort()).toEqual(
      accepted.status === 200 ? [200, 409] : [201, 409],
    );
    expect(await faults(home)).toEqual(none);
    await guest(0).client.rpc("cancel_booking", { p_booking_id: id }).throwOnError();
    await guest(1)
      .client.from("bookings")
      .delete()
      .eq("property_id", home)
      .eq("status", "awaiting_payment")
      .throwOnError();
  }
});

it("deadlocks and serialization failures are tried again before a client hears of them", async () => {
  const home = await createBookable(ana);
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
    -- bookings of other tests, which run beside this one, are left alone
    create trigger test_fault before insert on private.bookings for each row
      when (new.property_id = '${home}') execute function private.test_fault();
    grant execute on function private.test_fault() to postgres`);
  try {
    const answers = await rush(12, 4, (index) =>
      bookStay(guest(index), home, 30 + 2 * index, 32 + 2 * index),
    );
    expect(new Set(answers.map(({ status }) => status)).isSubsetOf(new Set([201, 503]))).toBe(true);
    expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThan(6);
    expect(await faults(home)).toEqual(none);
  } finally {
    await sql.unsafe(`
      drop trigger test_fault on private.bookings;
      drop function private.test_fault();
      drop sequence private.test_faults`);
  }
});

it("a booking that runs out of time leaves nothing, and its key can be used again", async () => {
  const home = await createBookable(ana);
  const claims = JSON.stringify({ sub: guest(0).id, role: "authenticated" });
  const blocker = await sql.reserve();
  await blocker`begin`;
  await blocker`select from public.properties where id = ${home} for no key update`;
  const attempt = sql.begin(async (tx) => {
    await tx`select set_config('request.jwt.claims', ${claims}, true)`;
    await tx`set local role authenticated`;
    await tx`set local statement_timeout = '200ms'`;
    await tx`insert into public.bookings (property_id, check_in, check_out, idempotency_key)
      values (${home}, ${inDays(30)}, ${inDays(33)}, 'late')`;
  });
  await expect(attempt).rejects.toMatchObject({ code: "57014" });
  await blocker`rollback`;
  blocker.release();
  const [left] = await sql`select count(*)::int from private.bookings where property_id = ${home}`;
  expect(left?.count).toBe(0);
  expect((await bookStay(guest(0), home, 30, 33, "late")).status).toBe(201);
  expect(await faults(home)).toEqual(none);
});
