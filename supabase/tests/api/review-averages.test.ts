// Averages of reviews after any order of reviews, edits, ended review windows, cleanups and moderation: they always equal an
// independent count of the published reviews.

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bookConfirmed } from "../support/bookings.ts";
import { database, withoutTriggers } from "../support/database.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { runs } from "../support/runs.ts";
import { letDaysPass } from "../support/time.ts";

const sql = database();
let host: Person;
let guest: Person;
let operator: Person;
let property: string;
let template: string;

beforeAll(async () => {
  [host, guest, operator] = await Promise.all([signUp("Ana"), signUp("Ben"), signUpOperator()]);
  property = await createBookable(host);
  template = (await bookConfirmed(guest, property, 30, 3)).id;
  await letDaysPass(sql, template, 36);
});
afterAll(() => sql.end());

/** Copies the first stay, which ended three days ago, `count` times and returns the ids. */
async function copyStay(count: number): Promise<string[]> {
  return sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const [{ names = "" } = {}] = await tx<{ names: string }[]>`
      select string_agg(quote_ident(column_name), ', ') as names from information_schema.columns
      where table_schema = 'private' and table_name = 'bookings' and is_generated = 'NEVER' and column_name not in ('id', 'idempotency_key')`;
    const rows = await tx<{ id: string }[]>`insert into private.bookings (${tx.unsafe(names)})
      select ${tx.unsafe(names)} from private.bookings, generate_series(1, ${count}::integer) where id = ${template} returning id`;
    await tx`insert into private.booking_line_items
      select (jsonb_populate_record(i, jsonb_build_object('booking_id', b.id))).*
      from private.booking_line_items i, unnest(${rows.map(({ id }) => id)}::uuid[]) as b (id) where i.booking_id = ${template}`;
    return rows.map(({ id }) => id);
  });
}

type Step =
  | { act: "guest" | "host"; stay: number; stars: number }
  | { act: "edit"; stay: number; stars: number }
  | { act: "end"; stay: number }
  | { act: "hide" | "show"; stay: number }
  | { act: "sweep" };

const stay = fc.integer({ min: 0, max: 3 });
const stars = fc.integer({ min: 1, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ act: fc.constantFrom("guest" as const, "host" as const), stay, stars }),
  fc.record({ act: fc.constant("edit" as const), stay, stars }),
  fc.record({ act: fc.constant("end" as const), stay }),
  fc.record({ act: fc.constantFrom("hide" as const, "show" as const), stay }),
  fc.record({ act: fc.constant("sweep" as const) }),
);

const ratings = (overall: number) => ({
  overall,
  cleanliness: overall,
  communication: overall,
});
const ofStay = (overall: number) => ({
  ...ratings(overall),
  accuracy: overall,
  check_in: overall,
  location: overall,
  value: 6 - overall,
});

async function perform(step: Step, stays: string[]): Promise<void> {
  const booking = "stay" in step ? (stays[step.stay] ?? "") : "";
  if (step.act === "guest")
    await guest.client.from("reviews").insert({ booking_id: booking, ...ofStay(step.stars) });
  if (step.act === "host")
    await host.client.from("reviews").insert({ booking_id: booking, ...ratings(step.stars) });
  if (step.act === "edit") {
    await guest.client
      .from("reviews")
      .update(ofStay(step.stars))
      .eq("booking_id", booking)
      .eq("side", "guest");
  }
  if (step.act === "end") {
    // The review window ends now.
    await sql`update public.reviews set publishes_at = now() where booking_id = ${booking} and publishes_at > now()`;
  }
  if (step.act === "hide" || step.act === "show") {
    const { data } = await operator.client
      .from("reviews")
      .select("id")
      .eq("booking_id", booking)
      .eq("side", "guest");
    const state = step.act === "hide" ? ("removed" as const) : ("visible" as const);
    for (const { id } of data ?? []) {
      await operator.client.rpc("moderate_review", {
        p_review_id: id,
        p_state: state,
        p_reason: "For a reason.",
      });
    }
  }
  if (step.act === "sweep") await sql`select private.publish_due_reviews()`;
}

const mean = (values: number[]) =>
  values.length === 0
    ? null
    : Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 100) / 100;

/** Counts and averages the published reviews, independently of the database. */
async function countReviews(propertyId: string) {
  const rows = await sql`select side, overall, value from public.reviews
    where property_id = ${propertyId} and publishes_at <= now() and state = 'visible'`;
  const guests = rows.filter(({ side }) => side === "guest");
  const hosts = rows.filter(({ side }) => side === "host");
  return {
    property: [guests.length, mean(guests.map((r) => r.overall)), mean(guests.map((r) => r.value))],
    host: [guests.length, mean(guests.map((r) => r.overall))],
    guest: [hosts.length, mean(hosts.map((r) => r.overall))],
  };
}
/** The counts and averages that the database stores. */
async function storedRatings(propertyId: string) {
  const number = (value: string | null | undefined) => (value == null ? null : Number(value));
  const [p] = await sql`select * from public.property_ratings where property_id = ${propertyId}`;
  const [h] =
    await sql`select * from public.profile_ratings where profile_id = ${host.id} and rated_as = 'host'`;
  const [g] =
    await sql`select * from public.profile_ratings where profile_id = ${guest.id} and rated_as = 'guest'`;
  return {
    property: [p?.review_count ?? 0, number(p?.overall), number(p?.value)],
    host: [h?.review_count ?? 0, number(h?.overall)],
    guest: [g?.review_count ?? 0, number(g?.overall)],
  };
}
/** Counts every published review. The stack's own periodic task may be counting one: the locks wait for it to commit. */
async function countDueReviews(): Promise<void> {
  await sql`select private.publish_due_reviews()`;
  await sql`select from public.reviews where property_id = ${property} for share`;
}
async function deleteReviews(): Promise<void> {
  await withoutTriggers(sql, async (tx) => {
    await tx`delete from public.reviews where property_id = ${property}`;
    await tx`delete from public.property_ratings where property_id = ${property}`;
    await tx`delete from public.profile_ratings where profile_id in (${host.id}, ${guest.id})`;
  });
}

it("averages are correct after any sequence of steps", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      await deleteReviews();
      const stays = await copyStay(4);
      for (const each of steps) await perform(each, stays);
      await countDueReviews();
      expect(await storedRatings(property)).toEqual(await countReviews(property));
    }),
    { numRuns: runs(20) },
  );
});

it("averages are correct when reviews, cleanups and moderation happen at once", {
  timeout: 60_000,
}, async () => {
  await deleteReviews();
  const stays = await copyStay(20);
  await Promise.all(
    stays.flatMap((_, index) => [
      perform({ act: "guest", stay: index, stars: 1 + (index % 5) }, stays),
      perform({ act: "host", stay: index, stars: 5 - (index % 5) }, stays),
      ...(index % 4 === 0
        ? [perform({ act: "sweep" }, stays), perform({ act: "hide", stay: index - 1 }, stays)]
        : []),
    ]),
  );
  await countDueReviews();
  const counted = await storedRatings(property);
  expect(counted).toEqual(await countReviews(property));
  expect(counted.guest).toEqual([20, 3]);
});

it("two simultaneous reviews of one stay are published at the same moment", async () => {
  await deleteReviews();
  const [id = ""] = await copyStay(1);
  await Promise.all([
    perform({ act: "guest", stay: 0, stars: 4 }, [id]),
    perform({ act: "host", stay: 0, stars: 5 }, [id]),
  ]);
  const rows =
    await sql`select publishes_at::text as at, is_counted from public.reviews where booking_id = ${id}`;
  expect(rows).toHaveLength(2);
  expect(rows[0]?.at).toBe(rows[1]?.at);
  expect(rows.every((row) => row.is_counted)).toBe(true);
});
