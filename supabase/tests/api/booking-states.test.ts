// Random actions on a booking, compared with a model: allowed actions succeed, all others are refused, and every change is recorded.
// The actions run at moments in the past, in transactions that are rolled back.

import fc from "fast-check";
import type { TransactionSql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { database } from "../support/database.ts";
import { signUp, signUpOperator } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { runs } from "../support/runs.ts";

const sql = database();
const people: Record<string, string> = {};
let property: string;

beforeAll(async () => {
  const [ana, ben, cal, fay, eva, olga] = await Promise.all([
    signUp("Ana"),
    signUp("Ben"),
    signUp("Cal"),
    signUp("Fay"),
    signUp("Eva"),
    signUpOperator(),
  ]);
  Object.assign(people, {
    host: ana.id,
    guest: ben.id,
    calendar: cal.id,
    co_host: fay.id,
    stranger: eva.id,
    operator: olga.id,
  });
  property = await createBookable(ana);
  await sql`insert into public.co_hosts (property_id, profile_id, level)
    values (${property}, ${cal.id}, 'calendar'), (${property}, ${fay.id}, 'full')`;
});
afterAll(() => sql.end());

const actors = ["guest", "host", "co_host", "calendar", "operator", "stranger", "service"] as const;
type Actor = (typeof actors)[number];
type Status =
  | "requested"
  | "awaiting_payment"
  | "confirmed"
  | "completed"
  | "declined"
  | "withdrawn"
  | "expired"
  | "cancelled"
  | "no_show";

const second = 1000;
const hour = 3600 * second;
const begin = Date.UTC(2026, 0, 5, 12);
/** 20 January 2026, 15:00 in Lisbon. */
const checkIn = Date.UTC(2026, 0, 20, 15);

interface Model {
  status: Status;
  expiresAt: number;
  checkOut: number;
}

/** The status after an action, or undefined where the action must be refused. */
function statusAfter(model: Model, act: string, actor: Actor, now: number): Status | undefined {
  const { status } = model;
  const isHost = actor === "host" || actor === "co_host";
  switch (act) {
    case "accept":
      return status === "requested" && isHost ? "awaiting_payment" : undefined;
    case "decline":
      return status === "requested" && isHost ? "declined" : undefined;
    case "withdraw":
      return (status === "requested" || status === "awaiting_payment") && actor === "guest"
        ? "withdrawn"
        : undefined;
    case "confirm":
      return status === "awaiting_payment" && (actor === "operator" || actor === "service")
        ? "confirmed"
        : undefined;
    case "cancel":
      return status === "confirmed" && ["guest", "host", "operator", "service"].includes(actor)
        ? "cancelled"
        : undefined;
    case "no_show":
      return (status === "confirmed" || status === "completed") &&
        (actor === "host" || actor === "operator") &&
        now >= checkIn &&
        now < checkIn + 48 * hour
        ? "no_show"
        : undefined;
    default:
      return undefined;
  }
}

/** Applies what happens when time passes without an action. */
function letTimePass(model: Model, now: number): void {
  if ((model.status === "requested" || model.status === "awaiting_payment") && now >= model.expiresAt)
    model.status = "expired";
  if (model.status === "confirmed" && now >= model.checkOut) model.status = "completed";
}

const step = fc.record({
  actor: fc.constantFrom(...actors),
  act: fc.constantFrom(
    "accept",
    "decline",
    "withdraw",
    "confirm",
    "confirm",
    "cancel",
    "no_show",
    "sweep",
    "force",
  ),
  force: fc.constantFrom<Status>(
    "requested",
    "awaiting_payment",
    "confirmed",
    "completed",
    "expired",
    "cancelled",
    "no_show",
    "declined",
    "withdrawn",
  ),
  // Mostly short, sometimes exactly until a limit, sometimes long.
  wait: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 600 }).map((seconds) => seconds * second) },
    { weight: 2, arbitrary: fc.constantFrom(14 * 60 * second, 15 * 60 * second, 23 * hour, 24 * hour) },
    { weight: 2, arbitrary: fc.constantFrom(14 * 24 * hour, 15 * 24 * hour + 3 * hour, 40 * hour) },
  ),
});

const legal = new Set([
  "requested>awaiting_payment",
  "requested>declined",
  "requested>withdrawn",
  "requested>expired",
  "awaiting_payment>confirmed",
  "awaiting_payment>withdrawn",
  "awaiting_payment>expired",
  "confirmed>cancelled",
  "confirmed>completed",
  "confirmed>no_show",
  "completed>no_show",
]);

async function actAs(tx: TransactionSql, actor: Actor) {
  const claims =
    actor === "service"
      ? { role: "service_role" }
      : {
          sub: people[actor],
          role: "authenticated",
          app_metadata: { roles: actor === "operator" ? ["operator"] : [] },
        };
  await tx`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
}

async function perform(
  tx: TransactionSql,
  id: string,
  act: string,
  force: Status,
  now: Date,
): Promise<string | undefined> {
  try {
    await tx.savepoint(async (inner) => {
      if (act === "sweep") await inner`select private.expire_and_complete_bookings(${now})`;
      else if (act === "force")
        await inner`update private.bookings set status = ${force}, status_at = ${now} where id = ${id}`;
      else if (act === "cancel") await inner`select private.end_booking(${id}, false, null, ${now}, false)`;
      else if (act === "no_show") await inner`select private.end_booking(${id}, true, null, ${now}, false)`;
      else await inner`select private.change_booking_status(${id}, ${act}, null, ${now})`;
    });
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? "none";
  }
}

it("no sequence of actions reaches a status in a way that is not allowed, and every change is recorded", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.constantFrom(1, 3),
      fc.array(step, { minLength: 1, maxLength: 12 }),
      async (isInstant, nights, steps) => {
        const undo = new Error("undo");
        await sql
          .begin(async (tx) => {
            await tx`update public.properties set booking_mode = ${isInstant ? "instant" : "request"} where id = ${property}`;
            let now = begin;
            await actAs(tx, "guest");
            const [made] =
              await tx`select private.create_booking(${people.guest ?? ""}, ${property}, '2026-01-20',
              ${`2026-01-${20 + nights}`}, 2, 0, 0, 0, null, null, ${new Date(now)}) as id`;
            const id: string = made?.id;
            const model: Model = isInstant
              ? { status: "awaiting_payment", expiresAt: now + hour / 4, checkOut: 0 }
              : { status: "requested", expiresAt: now + 24 * hour, checkOut: 0 };
            model.checkOut = Date.UTC(2026, 0, 20 + nights, 11);

            for (const { actor, act, force, wait } of steps) {
              now += wait;
              letTimePass(model, now);
              await actAs(tx, actor);
              const code = await perform(tx, id, act, force, new Date(now));
              if (act === "force") {
                // A direct update as the owner of the database; the record is checked below.
                expect([undefined, "PT403", "PT409", "23514"]).toContain(code);
                const [row] = await tx`select status, expires_at from private.bookings where id = ${id}`;
                if (code === undefined) model.status = row?.status;
                if (row?.expires_at !== null) model.expiresAt = row?.expires_at.getTime();
              } else if (act !== "sweep") {
                const to = statusAfter(model, act, actor, now);
                if (to === undefined) expect(["PT403", "PT409"], `${actor} ${act}`).toContain(code);
                else expect(code, `${actor} ${act} at ${model.status}`).toBeUndefined();
                if (to === "awaiting_payment") model.expiresAt = now + hour / 4;
                model.status = to ?? model.status;
              }
              letTimePass(model, now);
              const [row] = await tx`
                select case when expires_at <= ${new Date(now)} then 'expired'
                  when status = 'confirmed' and check_out_at <= ${new Date(now)} then 'completed' else status::text end as status
                from private.bookings where id = ${id}`;
              expect(row?.status).toBe(model.status);
            }

            const events =
              await tx`select event, from_status, to_status, actor from private.booking_events where booking_id = ${id} order by id`;
            expect(events[0]).toMatchObject({ event: "created", from_status: null });
            for (const [index, event] of events.entries()) {
              if (index === 0) continue;
              expect(event.from_status).toBe(events[index - 1]?.to_status);
              expect(legal).toContain(`${event.from_status}>${event.to_status}`);
            }
            const [row] = await tx`select status from private.bookings where id = ${id}`;
            expect(events.at(-1)?.to_status).toBe(row?.status);
            throw undo;
          })
          .catch((error: unknown) => {
            if (error !== undo) throw error;
          });
      },
    ),
    { numRuns: runs(150) },
  );
}, 120_000);
