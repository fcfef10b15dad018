// `npm run clock` on a stack of its own: a stay is booked and paid through the API, days pass, and everything follows that days bring.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readBackupSettings, writeBackupSettings } from "../../../scripts/backup/settings.ts";
import type { Changes } from "../../../scripts/clock/changes.ts";
import { day, inWords, parseDuration } from "../../../scripts/clock/duration.ts";
import { moveClock, type Step } from "../../../scripts/clock/move.ts";
import { restoreSnapshot } from "../../../scripts/clock/snapshot.ts";
import { openDatabase } from "../../../scripts/lib/database.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { testEnvironment } from "../../../scripts/test/vitest.ts";
import type { Person } from "../support/people.ts";

const config = await testConfig();
// the support modules read the addresses of the stack when they are loaded
Object.assign(process.env, testEnvironment(config));
const { book, untilStatus } = await import("../support/bookings.ts");
const { listMails } = await import("../support/mails.ts");
const { bookAndPay, createMarket, onboardHost, reconcile, stripe } = await import("../support/money.ts");
const { password, signUp } = await import("../support/people.ts");

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "staybase-clock-"));
let stack: Stack;
let sql: Sql;
let host: Person;
let guest: Person;
let property: string;
let stay: string;

beforeAll(async () => {
  stack = await startStack(config);
  sql = openDatabase(config, "supabase_admin", { max: 2 });
  ({ host, guest, property } = await createMarket());
  await onboardHost(host);
  await sql`update private.settings set value = '0 days' where name = 'new_host_hold'`;
}, 120_000);
afterAll(async () => {
  await sql?.end();
  await stack?.stop();
  removeTestData(config);
  rmSync(folder, { recursive: true });
});

/** Moves the clock by a length such as "+3d". */
async function pass(length: string): Promise<Step[]> {
  const steps: Step[] = [];
  await moveClock(config, parseDuration(length), (step) => steps.push(step));
  return steps;
}

const of = (changes: Changes | undefined, table: string) =>
  changes?.find(({ name }) => name === table)?.states.map(({ state, count }) => `${count} ${state}`) ?? [];

/** The bodies of now() and clock_timestamp(), and the milliseconds by which now() differs from the real time. */
async function clockOfDatabase() {
  const [row] = await sql<[{ bodies: string[]; ahead: number }]>`
    select
      (
        select array_agg(l.lanname::text order by p.proname) from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace = 'pg_catalog'::regnamespace and p.proname in ('now', 'clock_timestamp')
      ) as bodies,
      round(extract(epoch from now() - transaction_timestamp()) * 1000)::integer as ahead`;
  return { bodies: row.bodies, ahead: row.ahead };
}

it("reads lengths of time, and refuses to go back", () => {
  expect(["+3d", "+12h", "20m", "+1d12h"].map(parseDuration)).toEqual([
    3 * day,
    day / 2,
    1_200_000,
    1.5 * day,
  ]);
  expect(inWords(1.5 * day)).toBe("1 d 12 h");
  expect(() => parseDuration("-3d")).toThrow("The clock goes forward only");
  for (const text of ["", "+", "3", "+3w", "+0d", "d", "+3d x"]) {
    expect(() => parseDuration(text), text).toThrow("is not a length of time");
  }
  expect(() => parseDuration("+400d")).toThrow("too long");
});

it("refuses any database other than the embedded stack's", async () => {
  const elsewhere = { ...config, dataDir: folder };
  await expect(moveClock(elsewhere, day)).rejects.toThrow("is not the one of the embedded stack");
  mkdirSync(join(folder, "postgres"));
  await expect(moveClock(elsewhere, day)).rejects.toThrow("is not the one of the embedded stack");
  const command = run(process.execPath, ["scripts/clock.ts", "+3d"], {
    cwd: config.root,
    env: { ...process.env, STAYBASE_DIR: folder, STAYBASE_DB_PORT: String(config.ports.db) },
  });
  await expect(command).rejects.toThrow("Hosted projects and `supabase start` keep the real time");
  // on hosted Supabase, developers are postgres
  const owner = openDatabase(config, "postgres");
  const attempt = owner`create or replace function pg_catalog.now() returns timestamptz language sql stable as 'select null::timestamptz'`;
  await expect(attempt).rejects.toThrow("permission denied for schema pg_catalog");
  await owner.end();
  expect(await clockOfDatabase()).toEqual({ bodies: ["internal", "internal"], ahead: 0 });
});

it("a hold ends after 20 minutes, and its guest is notified", async () => {
  const hold = await book(guest, property, 20, 2);
  const [step] = await pass("+20m");
  expect(await clockOfDatabase()).toEqual({ bodies: ["sql", "sql"], ahead: 1_200_000 });
  expect(of(step?.changes, "bookings")).toEqual(["1 expired"]);
  await untilStatus(guest, hold.id, "expired");
});

it("three days later a stay has ended, the host is paid, and both are asked for a review, in this order", async () => {
  const { booking } = await bookAndPay(guest, property, 1, 1);
  stay = booking.id;
  const steps = await pass("+3d");
  expect(steps).toHaveLength(3);
  expect(steps.flatMap(({ changes }) => of(changes, "bookings"))).toEqual(["1 completed"]);
  expect(steps.flatMap(({ changes }) => of(changes, "payouts"))).toEqual(["1 paid"]);
  await untilStatus(guest, stay, "completed");
  const events =
    await sql`select to_status, at from private.booking_events where booking_id = ${stay} order by id`;
  expect(events.map(({ to_status }) => to_status)).toEqual(["awaiting_payment", "confirmed", "completed"]);
  expect(events.map(({ at }) => Number(at))).toEqual(
    events.map(({ at }) => Number(at)).sort((a, b) => a - b),
  );

  const { data: payout } = await host.client.from("payouts").select().single().throwOnError();
  expect(payout.status).toBe("paid");
  const transfer = await stripe.transfers.retrieve(payout.stripe_transfer_id ?? "");
  expect(transfer.amount).toBe(payout.sent_amount);
  // the emulator's time has passed too: more than a day since the payment
  const [charge] = (await stripe.charges.list({ limit: 1 })).data;
  expect(transfer.created - (charge?.created ?? 0)).toBeGreaterThan(86_000);
  const subjects = async (person: Person) => (await listMails(person)).map(({ Subject }) => Subject);
  expect(await subjects(host)).toEqual(
    expect.arrayContaining([expect.stringMatching(/^Payout sent: /), "How was Ben?"]),
  );
  expect(await subjects(guest)).toEqual(
    expect.arrayContaining([
      "Your arrival at House by the river",
      "How was your stay at House by the river?",
    ]),
  );
});

it("tokens stay valid, and people sign in and up as before", async () => {
  const { error } = await guest.client.auth.signInWithPassword({ email: guest.email, password });
  expect(error).toBeNull();
  expect((await guest.client.auth.refreshSession()).error).toBeNull();
  expect((await signUp("Eva")).id).toMatch(/^[0-9a-f-]{36}$/);
});

it("a review is published when its time is over, without the other side's", async () => {
  await guest.client
    .from("reviews")
    .insert({
      booking_id: stay,
      ...{ overall: 4, accuracy: 5, cleanliness: 4, check_in: 5, communication: 5, location: 3, value: 4 },
    })
    .throwOnError();
  const seen = async () => (await host.client.from("reviews").select("side").throwOnError()).data;
  expect(await seen()).toEqual([]);
  await pass("+15d");
  expect(await seen()).toEqual([{ side: "guest" }]);
  const subjects = (await listMails(host)).map(({ Subject }) => Subject);
  expect(subjects).toContain("Ben's review is published");
}, 180_000);

it("the books agree with the emulator's, and no task failed on the way", async () => {
  expect(await reconcile(sql)).toMatchObject({ differences: 0 });
  const failed = await sql`
    select name as what, last_error from private.periodic_tasks where last_error is not null
    union all select kind, last_error from private.stripe_tasks where last_error is not null
    union all select queue, error from private.job_failures`;
  expect([...failed]).toEqual([]);
});

it("the data return as they were before the first move", async () => {
  await sql.end();
  await stack.stop();
  const { line } = writeBackupSettings(config.dataDir, join(folder, "backups"), false);
  restoreSnapshot(config);
  // two histories of changes never go into one archive
  expect(readBackupSettings(config.dataDir)?.line).not.toBe(line);
  stack = await startStack(config);
  sql = openDatabase(config, "supabase_admin");
  expect(await clockOfDatabase()).toEqual({ bodies: ["internal", "internal"], ahead: 0 });
  const bookings = await sql`select status from private.bookings`;
  expect([...bookings]).toEqual([{ status: "awaiting_payment" }]);
  expect((await stripe.charges.list()).data).toEqual([]);
  expect(() => restoreSnapshot(config)).toThrow("The clock has not been moved.");
}, 120_000);
