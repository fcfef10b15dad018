// `npm run trigger` on a stack of its own with the seed: every event happens, and the command prints the rows and mails that followed.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { changesSince, mark } from "../../../scripts/clock/changes.ts";
import { day } from "../../../scripts/clock/duration.ts";
import { moveClock } from "../../../scripts/clock/move.ts";
import { finishWork } from "../../../scripts/clock/work.ts";
import { openDatabase } from "../../../scripts/lib/database.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { testEnvironment } from "../../../scripts/test/vitest.ts";
import { events } from "../../../scripts/trigger/events.ts";
import { nearest } from "../../../scripts/trigger/names.ts";
import { openSession, type Session } from "../../../scripts/trigger/session.ts";

const config = await testConfig({ seed: true });
Object.assign(process.env, testEnvironment(config));
const { raiseLimits } = await import("../support/booking-limits.ts");
const { onboardHost, reconcile } = await import("../support/money.ts");

let stack: Stack;
let sql: Sql;
let session: Session;

beforeAll(async () => {
  stack = await startStack(config);
  sql = openDatabase(config, "supabase_admin", { max: 2 });
  session = openSession(config, sql);
  await sql`update private.settings set value = '0 days' where name = 'new_host_hold'`;
  await raiseLimits(sql);
  const client = await session.as("rui");
  await onboardHost({ client, id: "", email: "rui@example.com", password: "staybase" });
}, 120_000);
afterAll(async () => {
  await sql?.end();
  await stack?.stop();
  removeTestData(config);
});

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, ["scripts/trigger.ts", ...args], {
    cwd: config.root,
    env: {
      ...process.env,
      STAYBASE_DIR: config.dataDir,
      STAYBASE_API_PORT: String(config.ports.api),
      STAYBASE_DB_PORT: String(config.ports.db),
      STAYBASE_MAIL_PORT: String(config.ports.mail),
      STAYBASE_STRIPE_PORT: String(config.ports.stripe),
    },
  });

it("lists the events, and suggests the nearest for an unknown name", async () => {
  const { stdout } = await run();
  for (const name of Object.keys(events)) expect(stdout).toContain(`  ${name} `);
  await expect(run("dispute.create")).rejects.toThrow("Did you mean dispute.created?");
  await expect(run("constructor")).rejects.toThrow('There is no event "constructor"');
  expect(nearest("booking.canceled", Object.keys(events))).toBe("booking.cancelled");
});

it("prints what followed, by table", async () => {
  const { stdout } = await run("booking.held");
  expect(stdout).toMatch(/^What followed:$/m);
  expect(stdout).toMatch(/^ {2}bookings {7}1 awaiting payment$/m);
});

/** What each event has to cause, among other things, by table. */
const followed: Record<string, Record<string, string[]>> = {
  "booking.requested": { bookings: ["requested"], payments: ["authorized"], mails: [] },
  "booking.held": { bookings: ["awaiting_payment"] },
  "booking.confirmed": { bookings: ["confirmed"], payments: ["captured"], ledger: ["charge"], mails: [] },
  "booking.accepted": { bookings: ["confirmed"], payments: ["captured"], "Stripe tasks": ["capture done"] },
  "booking.declined": {
    bookings: ["declined"],
    payments: ["cancelled"],
    notifications: ["booking_declined"],
  },
  "booking.withdrawn": { bookings: ["withdrawn"] },
  "booking.altered": { bookings: ["altered"], refunds: ["succeeded"] },
  "booking.cancelled": {
    bookings: ["cancelled"],
    refunds: ["succeeded"],
    notifications: ["booking_cancelled"],
  },
  "booking.cancelled_by_host": { bookings: ["cancelled"], refunds: ["succeeded"] },
  "payment.succeeded": { payments: ["captured"] },
  "payment.failed": { payments: ["requires_payment"], notifications: ["payment_failed"] },
  "refund.updated": { refunds: ["succeeded"], cases: ["refund_at_stripe open"] },
  "refund.failed": { refunds: ["failed"], cases: ["refund_failed open"], ledger: ["refund_failed"] },
  "dispute.created": { disputes: ["needs_response"], ledger: ["dispute"] },
  "dispute.won": { disputes: ["won"], ledger: ["dispute_won"] },
  "dispute.lost": { disputes: ["lost"], cases: ["dispute_lost open"] },
  "fraud_warning.created": { cases: ["fraud_warning open"] },
  "message.received": { messages: ["written"], notifications: ["message_received"] },
  "message.answered": { messages: ["written"], notifications: ["message_received"] },
  "payout.paid": { payouts: ["paid"], notifications: ["payout_sent"] },
  "payout.failed": { payouts: ["failed"] },
  "review.written": { reviews: ["written"] },
  "review.published": { reviews: ["published"], notifications: ["review_published"] },
};

it("every event is tested", () => {
  expect(Object.keys(followed).sort()).toEqual(Object.keys(events).sort());
});

it.each(Object.entries(followed))("%s", { timeout: 180_000 }, async (name, tables) => {
  if (name === "review.written") await moveClock(config, 5 * day); // the stays of the payouts end
  await finishWork(config, sql);
  const before = await mark(sql, config.mailUrl);
  await events[name]?.run(session);
  await finishWork(config, sql);
  const changes = await changesSince(sql, config.mailUrl, before);
  for (const [table, states] of Object.entries(tables)) {
    const found = changes.find((change) => change.name === table)?.states.map(({ state }) => state);
    expect(found, table).toEqual(expect.arrayContaining(states));
  }
});

it("the books agree with Stripe's in the end", async () => {
  expect(await reconcile(sql)).toMatchObject({ differences: 0 });
});
