// A stack is backed up, guests pay, and the database is restored to before, while Stripe's books go on. It starts paused; the release
// finds twenty random payments, refunds and transfers without rows, and they are settled, each once, with the worker killed in between.

// @module-tag embedded
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot, type StackConfig } from "../../../scripts/lib/config.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { testEnvironment } from "../../../scripts/test/vitest.ts";

const count = 20;
const seed = Number(process.env.STAYBASE_TEST_SEED ?? Date.now() % 1_000_000);
const random = generator(seed);
let config: StackConfig;
let stack: Stack;
let sql: Sql;

/** mulberry32 */
function generator(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;

/** The support of the tests, for the stack of this file: it reads the addresses when it is imported, so it is not imported above. */
async function support() {
  Object.assign(process.env, testEnvironment(config));
  const [money, people, properties, bookings, database, clients, mails, time, errors] = await Promise.all([
    import("../support/money.ts"),
    import("../support/people.ts"),
    import("../support/properties.ts"),
    import("../support/bookings.ts"),
    import("../support/database.ts"),
    import("../support/clients.ts"),
    import("../support/mails.ts"),
    import("../support/time.ts"),
    import("../support/errors.ts"),
  ]);
  return {
    ...money,
    ...people,
    ...properties,
    ...bookings,
    ...database,
    ...clients,
    ...mails,
    ...time,
    ...errors,
  };
}

let is: Awaited<ReturnType<typeof support>>;

/** Kills the worker's process while `work` goes on; more often than this, the stack would take it for broken. */
async function whileWorkerDies<T>(work: () => Promise<T>): Promise<T> {
  const timers = [150, 900, 2_500].map((delay) =>
    setTimeout(() => {
      try {
        const file = join(config.dataDir, "run", "function-money-worker.pid");
        process.kill((JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid, "SIGKILL");
      } catch {
        // it does not run at this moment
      }
    }, delay),
  );
  try {
    return await work();
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Runs a command of the project on this stack; answers its code and what it printed. */
async function run(script: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [join(projectRoot, `scripts/${script}.ts`), ...args], {
    env: { ...process.env, STAYBASE_DIR: config.dataDir, STAYBASE_DB_PORT: String(config.ports.db) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

/** Restores the database to a moment. Stripe's books stay. */
async function restore(moment: Date): Promise<void> {
  await sql.end();
  await stack.stop();
  const { code, output } = await run("restore", "--at", moment.toISOString());
  if (code !== 0) throw new Error(output);
  stack = await startStack(config);
  sql = is.database();
}

/** Wakes the worker, and lets the leases of a killed one run out without waiting for it. */
async function pushOn(): Promise<void> {
  await sql`update private.stripe_tasks set leased_until = now(), run_at = now()
    where done_at is null and dead_at is null and coalesce(leased_until, run_at) < now() + interval '57 seconds'`;
  await sql`update private.internal_runs set leased_until = now()
    where function_name = 'money-worker' and leased_until < now() + interval '27 seconds'`;
  await sql`select private.wake_money_worker()`;
}

function untilNothingIsLeft(): Promise<boolean> {
  return is.until(
    async () => {
      await pushOn();
      const left = await sql`select from private.stripe_tasks where done_at is null and dead_at is null`;
      return left.length === 0;
    },
    "the Stripe tasks",
    90_000,
  );
}

const kinds = [
  "new",
  "hold",
  "stale",
  "clash",
  "lost guest",
  "lost property",
  "part refunded",
  "refunded",
  "authorised",
  "known refund",
  "known transfer",
  "lost transfer",
] as const;
type Kind = (typeof kinds)[number];

interface Check {
  check: string;
  ok: boolean | null;
  detail: string;
}

interface Case {
  kind: Kind;
  bookingId: string;
  intent: string;
  /** Days ahead of the first night. */
  from: number;
  property: string;
}

describe.skipIf(process.platform === "win32")("after a restore", { timeout: 400_000 }, () => {
  beforeAll(async () => {
    config = await testConfig();
    stack = await startStack(config);
    is = await support();
    sql = is.database();
  }, 300_000);
  afterAll(async () => {
    await sql?.end();
    await stack?.stop();
    removeTestData(config);
  }, 60_000);

  it(`${count} orphans are found and settled once each, and the ledger agrees with Stripe (seed ${seed})`, async () => {
    const { stripe } = is;
    // every kind once, the rest at random
    const wanted: Kind[] = [...kinds];
    while (wanted.length < count)
      wanted.push(oneOf(["new", "new", "clash", "lost guest", "part refunded", "known refund"]));

    const [host, guest, other, operator] = await Promise.all([
      is.signUp("Ana"),
      is.signUp("Ben"),
      is.signUp("Dora"),
      is.signUpOperator(),
    ]);
    await sql`update private.settings set value = '1000' where name like 'unpaid_bookings%' or name like 'unpaid_nights%'`;
    await is.onboardHost(host);
    const home = await is.createBookable(host);
    const onRequest = await is.createPublished(host);
    let from = 20;
    const nights = () => (from += 4);
    const pay = async (who: typeof guest, property: string, kind: Kind): Promise<Case> => {
      const start = nights();
      const booking = await is.book(who, property, start);
      const begun = await is.beginPayment(who, booking.id);
      await is.payOnPage(begun);
      return { kind, bookingId: booking.id, intent: is.intentOf(begun), from: start, property };
    };
    const untilPaid = (id: string) => is.untilStatus(guest, id, "confirmed");
    const isKnown = (kind: Kind) => kind === "known refund" || kind === "known transfer";

    // before: bookings that are paid, one that is not, and one whose payment was only begun
    const known: Case[] = [];
    for (const kind of wanted.filter(isKnown)) known.push(await pay(guest, home, kind));
    for (const { bookingId } of known) await untilPaid(bookingId);
    const pause = (verb: "pause" | "resume") =>
      verb === "pause"
        ? operator.client
            .rpc("pause_operation", { p_operation: "payouts", p_reason: "A test." })
            .throwOnError()
        : operator.client
            .rpc("resume_operation", { p_operation: "payouts", p_note: "A test." })
            .throwOnError();
    await pause("pause"); // the restored database has this pause, too
    // else the clock might queue the transfer before the backup, where it would wait for the end of the pause
    await sql`update private.periodic_tasks set last_run_at = now() + interval '2 minutes' where name = 'release_payouts'`;
    for (const { bookingId } of known.filter(({ kind }) => kind === "known transfer"))
      await is.beginStay(sql, bookingId);
    const hold = await is.book(guest, home, nights());
    const stale = await is.book(other, home, nights());
    const staleBegun = await is.beginPayment(other, stale.id);
    await is.until(
      async () => (await sql`select from private.stripe_tasks where done_at is null`).length === 0,
      "the tasks of before",
    );
    expect((await run("backup")).output).toContain("is complete and checked");
    const [{ moment = new Date() } = {}] = await sql<{ moment: Date }[]>`select clock_timestamp() as moment`;
    await is.until(async () => Date.now() > moment.getTime() + 50, "the next moment");
    await pause("resume");

    // after: what the restore will lose
    const late = await is.signUp("Cleo");
    const lateHome = await is.createBookable(host);
    const cases: Case[] = [...known];
    for (const kind of wanted.filter((each) => !isKnown(each))) {
      if (kind === "hold") {
        const begun = await is.beginPayment(guest, hold.id);
        await is.payOnPage(begun);
        cases.push({ kind, bookingId: hold.id, intent: is.intentOf(begun), from, property: home });
      } else if (kind === "stale") {
        await is.payOnPage(staleBegun);
        cases.push({ kind, bookingId: stale.id, intent: is.intentOf(staleBegun), from, property: home });
      } else {
        const who = kind === "lost guest" ? late : guest;
        const property = { "lost property": lateHome, authorised: onRequest }[kind as string] ?? home;
        cases.push(await pay(who, property, kind));
      }
    }
    const paid = cases.filter(({ kind }) => kind !== "authorised");
    await is.until(
      async () =>
        (
          await sql`select from public.payments where status = 'captured'
          and stripe_payment_intent_id = any (${paid.map(({ intent }) => intent)})`
        ).length === paid.length,
      "the payments",
    );
    for (const { kind, bookingId, intent } of cases) {
      if (kind === "part refunded") await stripe.refunds.create({ payment_intent: intent, amount: 1_000 });
      if (kind === "refunded") await stripe.refunds.create({ payment_intent: intent });
      if (kind === "known refund")
        await operator.client
          .rpc("refund_booking", {
            p_booking_id: bookingId,
            p_amount: 2_000,
            p_reason: "A flood",
            p_borne_by: "platform",
          })
          .throwOnError();
      if (kind === "lost transfer") await is.beginStay(sql, bookingId);
    }
    // a booking that a worker holds at this moment is passed over
    await is.until(async () => {
      await is.releasePayouts(sql);
      return (await stripe.transfers.list({ limit: 100 })).data.length === 2;
    }, "the transfers");
    await is.untilBooksAgree(sql);
    const atStripe = {
      refunds: (await stripe.refunds.list({ limit: 100 })).data.map(({ id }) => id),
      transfers: (await stripe.transfers.list({ limit: 100 })).data.map(({ id }) => id),
    };
    const knownRefunds = () => sql`select r.id, r.stripe_refund_id, r.amount, r.status from public.refunds r
      join public.payments p on p.id = r.payment_id
      where p.stripe_payment_intent_id = any (${known.map(({ intent }) => intent)}) order by r.id`;
    const refundRows = [...(await knownRefunds())];
    const payoutRows = () => sql`select id, amount, status, stripe_transfer_id from public.payouts
      where booking_id = any (${known.map(({ bookingId }) => bookingId)}) order by id`;
    const payouts = [...(await payoutRows())];
    const [lostTransfer] = await sql<{ id: string }[]>`select stripe_transfer_id as id from public.payouts
      where booking_id = ${cases.find(({ kind }) => kind === "lost transfer")?.bookingId ?? ""}`;

    await restore(moment);
    expect(await sql`select from public.orphans`).toHaveLength(0);
    expect(await sql`select from public.payments`).toHaveLength(known.length + 1);

    // paused: nothing is sold, sent or transferred
    const booked = await is.book(other, home, 300).catch((error: unknown) => error);
    expect(String(booked)).toContain("This platform is paused.");
    const transfers = async () => (await stripe.transfers.list({ limit: 100 })).data.map(({ id }) => id);
    expect(await transfers()).toEqual(atStripe.transfers);
    const resume = () =>
      operator.client.rpc("resume_operation", { p_operation: "payouts", p_note: "It seems right." });
    expect(is.errorCodes((await resume()).error)).toEqual(["restore_not_settled"]);

    // released: searched and found, while the worker dies
    const release = () => run("restore", "--release", "--note", "The audit passed.");
    const first = await whileWorkerDies(async () => {
      let isOver = false;
      const released = release().finally(() => {
        isOver = true;
      });
      await is.until(
        async () => {
          await pushOn();
          return isOver;
        },
        "the search",
        120_000,
      );
      await untilNothingIsLeft();
      return released;
    });
    expect(first.output).toContain("Payouts and charges stay paused.");
    expect(first.code).toBe(1);
    const { data: orphans } = await operator.client.from("orphans").select().throwOnError();
    const lost = cases.filter(({ kind }) => !isKnown(kind) && kind !== "stale");
    expect(orphans.map(({ stripe_id }) => stripe_id).sort()).toEqual(
      [...lost.map(({ intent }) => intent), lostTransfer?.id].sort(),
    );
    for (const { stripe_id } of orphans.filter(({ status }) => status === "open"))
      expect(first.output).toContain(stripe_id);
    expect(is.errorCodes((await resume()).error)).toEqual(["restore_not_settled"]);
    // what needs no decision has its row again, with its id
    expect([...(await knownRefunds())]).toEqual(refundRows);
    expect([...(await payoutRows())]).toEqual(payouts);
    await is.untilStatus(other, stale.id, "confirmed");
    expect((await is.reconcile(sql)).differences).toBe(0);

    // others book some of the nights meanwhile
    for (const { property, from: start } of cases.filter(({ kind }) => kind === "clash"))
      await is.bookConfirmed(other, property, start + 1);

    const settle = (verb: "rebook_orphan" | "refund_orphan", id: string) =>
      operator.client.rpc(verb, { p_orphan_id: id });
    const refusals: Partial<Record<Kind, string>> = {
      clash: "occupied",
      "lost guest": "orphan_stay_unknown",
      "lost property": "orphan_stay_unknown",
      "part refunded": "orphan_partly_refunded",
      authorised: "orphan_not_paid",
    };
    const rebooked: Case[] = [];
    const refunded: Case[] = [];
    await whileWorkerDies(async () => {
      for (const each of lost.filter(({ kind }) => kind !== "refunded")) {
        const orphan = orphans.find(({ stripe_id }) => stripe_id === each.intent);
        const id = orphan?.id ?? "";
        const refusal = refusals[each.kind];
        const books = refusal === undefined && (each.kind === "lost transfer" || random() < 0.5);
        if (refusal !== undefined) {
          const { error } = await settle("rebook_orphan", id);
          expect([each.kind, ...is.errorCodes(error)]).toEqual([each.kind, refusal]);
        }
        // a double click: the second learns that it was settled
        const verb = books ? "rebook_orphan" : "refund_orphan";
        const answers = await Promise.all([settle(verb, id), settle(verb, id)]);
        expect(answers.map(({ error }) => is.errorCodes(error)[0] ?? "done").sort()).toEqual([
          "done",
          "orphan_closed",
        ]);
        (books ? rebooked : refunded).push(each);
      }
      await untilNothingIsLeft();
    });
    expect(await transfers()).toEqual(atStripe.transfers);
    expect(await release()).toMatchObject({
      code: 0,
      output: expect.stringContaining("Payouts and charges go on."),
    });
    await is.untilBooksAgree(sql);

    const { data: settled } = await operator.client.from("orphans").select().throwOnError();
    const statusOf = (intent: string) => settled.find(({ stripe_id }) => stripe_id === intent)?.status;
    for (const { kind, intent, bookingId } of rebooked) {
      expect([kind, statusOf(intent)]).toEqual([kind, "rebooked"]);
      const { data: booking } = await is
        .service()
        .from("bookings")
        .select()
        .eq("id", bookingId)
        .single()
        .throwOnError();
      const paidAtStripe = await stripe.paymentIntents.retrieve(intent);
      expect(booking).toMatchObject({ status: "confirmed", guest_total: paidAtStripe.amount_received });
      expect((await stripe.refunds.list({ payment_intent: intent })).data).toEqual([]);
      expect(await is.guestOwes(sql, bookingId)).toBe(0);
    }
    for (const { kind, intent } of refunded) {
      expect([kind, statusOf(intent)]).toEqual([kind, "refunded"]);
      if (kind === "authorised") {
        expect((await stripe.paymentIntents.retrieve(intent)).status).toBe("canceled");
        continue;
      }
      const { amount_received } = await stripe.paymentIntents.retrieve(intent);
      const { data: refunds } = await stripe.refunds.list({ payment_intent: intent });
      expect(refunds).toHaveLength(kind === "part refunded" ? 2 : 1);
      expect(refunds.reduce((sum, { amount }) => sum + amount, 0)).toBe(amount_received);
    }
    expect(statusOf(lostTransfer?.id ?? "")).toBe("rebooked");
    expect(settled.filter(({ status }) => status === "open" || status === "refunding")).toEqual([]);

    // the books agree, nothing is left undecided, and nothing was sent twice
    const [books] = await sql`select private.ledger_balance('stripe_clearing', null, 'EUR')::int as clearing,
      private.ledger_balance('orphan', null, 'EUR')::int as orphans`;
    const { available } = await stripe.balance.retrieve();
    expect(books).toEqual({
      clearing: available.find(({ currency }) => currency === "eur")?.amount,
      orphans: 0,
    });
    expect(await transfers()).toEqual(atStripe.transfers);
    const audit = (await sql.unsafe(readFileSync("ops/audit.sql", "utf8")).simple()) as unknown as Check[][];
    const checks = audit.findLast((rows) => rows.length > 0) ?? [];
    expect(checks.length).toBeGreaterThan(10);
    // beginStay has moved a stay without its nights
    expect(
      checks.filter(({ check, ok }) => ok === false && check !== "I2 bookings and nights match"),
    ).toEqual([]);
    expect([
      ...(await sql`select kind, subject, last_error from private.stripe_tasks where dead_at is not null`),
    ]).toEqual([]);

    // one mail for each refund that was decided: to the guest, or to the address at Stripe of the one whose account is lost
    const told = refunded.filter(({ kind }) => kind !== "authorised");
    const toLate = told.filter(({ kind }) => kind === "lost guest").length;
    const mailsAbout = (to: typeof guest, count: number) =>
      is.until(
        async () => (await is.listMails(to, "Refunded: ")).length >= count,
        `${count} mails to ${to.email}`,
      );
    await mailsAbout(late, toLate);
    await mailsAbout(guest, told.length - toLate);
    expect(await is.listMails(late, "Refunded: ")).toHaveLength(toLate);
    // the one that had gone back before it was found gets a mail too
    expect((await is.listMails(guest, "Refunded: ")).length).toBe(told.length - toLate + 1);
    expect([
      ...(await sql`select from public.orphans where receipt_email is not null and status = 'refunded'`),
    ]).toEqual([]);
  });
});
