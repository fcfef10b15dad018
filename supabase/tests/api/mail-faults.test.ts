// Mails when things fail: workers that are killed, and addresses that the mail server refuses.

import { execFileSync } from "node:child_process";
import { afterAll, afterEach, expect, it } from "vitest";
import { database } from "../support/database.ts";
import { listMails } from "../support/mails.ts";
import { type Person, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const sql = database();
afterEach(
  async () => void (await sql`update private.job_queues set lease_seconds = 60 where queue = 'mails'`),
);
afterAll(() => sql.end());

/** Queues `count` notifications by mail. */
async function notify(person: Person, count: number, kind = "booking_declined"): Promise<void> {
  const data = { title: "House", check_in: "2027-06-01", check_out: "2027-06-04", nights: 3, guests: 2 };
  await sql`select private.notify(${person.id}, ${kind}, ${kind} || n, ${sql.json(data)}) from generate_series(1, ${count}::integer) n`;
}
/** Counts the notifications that were mailed to a person. */
async function countMailed(person: Person): Promise<number> {
  const [row] =
    await sql`select count(mailed_at)::integer as mailed from public.notifications where recipient_id = ${person.id}`;
  return row?.mailed ?? 0;
}
/** The process ids of mail workers of this project. */
function workers(): number[] {
  return execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("functions/send-mails/index.ts") && line.includes(process.cwd()))
    .map((line) => Number.parseInt(line, 10));
}

it("delivers every mail although a worker is killed", async () => {
  const person = await signUp("Ben");
  await sql`update private.job_queues set lease_seconds = 2 where queue = 'mails'`;
  await notify(person, 300);
  await until(async () => (await countMailed(person)) > 5, "the first mails");
  const before = await countMailed(person);
  const killed = workers().filter((pid) => ownedByThisStack(pid));
  for (const pid of killed) process.kill(pid, "SIGKILL");
  expect(killed.length).toBeGreaterThan(0);
  expect(before).toBeLessThan(300);
  await until(
    async () => (await countMailed(person)) === 300,
    "all mails, once the lease of the killed run has ended",
    90_000,
  );

  const messages = await listMails(person, "declined");
  const ids = await sql`select id from public.notifications where recipient_id = ${person.id}`;
  expect(new Set(messages.map(({ MessageID }) => MessageID.split("@")[0]))).toEqual(
    new Set(ids.map(({ id }) => id)),
  );
  // Only mails that were being sent when the worker died may arrive twice.
  expect(messages.length - ids.length).toBeLessThanOrEqual(5);
}, 120_000);

it("records an address that the server refuses, and still delivers all other mails", async () => {
  const [gone, person] = await Promise.all([signUp("Gus"), signUp("Ben")]);
  const address = `${crypto.randomUUID()}@bounce.example`;
  await sql`update auth.users set email = ${address} where id = ${gone.id}`;
  await notify(gone, 2);
  await notify(person, 1);
  await until(async () => (await countMailed(person)) === 1, "the mail to the other person");
  const bounces = await until(async () => {
    const rows = await sql`select reason from private.bounced_addresses where email = ${address}`;
    return rows.length > 0 && rows;
  }, "the bounce");
  expect(bounces).toEqual([{ reason: "refused with 550" }]);
  expect(await countMailed(gone)).toBe(0);
  expect(await sql`select 1 from public.dead_jobs where queue = 'mails'`).toHaveLength(0);
});

it("sends nothing to an address that bounced before", async () => {
  const person = await signUp("Eva");
  await sql`select public.record_bounce(${person.email}, 'refused with 550')`;
  await notify(person, 1);
  // only this person's jobs: other tests queue mails all the time
  await until(async () => {
    const jobs = await sql`select from pgmq.q_mails q
      join public.notifications n on n.id::text = q.message ->> 'notification_id'
      where n.recipient_id = ${person.id}`;
    return jobs.length === 0;
  }, "the mails of this person to leave the queue");
  expect(await countMailed(person)).toBe(0);
});

/** Tells this stack's workers from those of other stacks by the API's address. */
function ownedByThisStack(pid: number): boolean {
  const environment = execFileSync("cat", [`/proc/${pid}/environ`], { encoding: "utf8" }).split("\0");
  return environment.includes(`SUPABASE_URL=${stack.apiUrl}`);
}
