// Mails when workers die: a worker is killed in the middle of its work, and every mail still arrives, each known by its
// Message-ID; an address that the server refuses gets nothing more.

import { execFileSync } from "node:child_process";
import { afterAll, afterEach, expect, it } from "vitest";
import { database, type Person, signUp, stack, until } from "../support.ts";

const sql = database();
afterEach(
  async () => void (await sql`update private.job_queues set lease_seconds = 60 where queue = 'mails'`),
);
afterAll(() => sql.end());

async function tell(person: Person, count: number, kind = "booking_declined"): Promise<void> {
  const data = { title: "House", check_in: "2027-06-01", check_out: "2027-06-04", nights: 3, guests: 2 };
  await sql`select private.notify(${person.id}, ${kind}, ${kind} || n, ${sql.json(data)}) from generate_series(1, ${count}::integer) n`;
}
async function mailedTo(person: Person): Promise<number> {
  const [row] =
    await sql`select count(mailed_at)::integer as mailed from public.notifications where recipient_id = ${person.id}`;
  return row?.mailed ?? 0;
}
function workers(): number[] {
  return execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("functions/send-mails/index.ts") && line.includes(process.cwd()))
    .map((line) => Number.parseInt(line, 10));
}

it("loses no mail with a worker that is killed", async () => {
  const person = await signUp("Ben");
  await sql`update private.job_queues set lease_seconds = 2 where queue = 'mails'`;
  await tell(person, 300);
  await until(async () => ((await mailedTo(person)) > 5 ? true : undefined), "the first mails");
  const before = await mailedTo(person);
  const killed = workers().filter((pid) => ownedByThisStack(pid));
  for (const pid of killed) process.kill(pid, "SIGKILL");
  expect(killed.length).toBeGreaterThan(0);
  expect(before).toBeLessThan(300);
  await until(async () => ((await mailedTo(person)) === 300 ? true : undefined), "all mails");

  const query = encodeURIComponent(`to:"${person.email}" subject:"declined"`);
  const response = await fetch(`${stack.mailUrl}/api/v1/search?query=${query}&limit=500`);
  const { messages } = (await response.json()) as { messages: { MessageID: string }[] };
  const ids = await sql`select id from public.notifications where recipient_id = ${person.id}`;
  expect(new Set(messages.map(({ MessageID }) => MessageID.split("@")[0]))).toEqual(
    new Set(ids.map(({ id }) => id)),
  );
  // at most those that were on their way when it died came twice
  expect(messages.length - ids.length).toBeLessThanOrEqual(5);
});

it("notes an address that the server refuses, and gives up no other mail for it", async () => {
  const [gone, person] = await Promise.all([signUp("Gus"), signUp("Ben")]);
  const address = `${crypto.randomUUID()}@bounce.example`;
  await sql`update auth.users set email = ${address} where id = ${gone.id}`;
  await tell(gone, 2);
  await tell(person, 1);
  await until(async () => ((await mailedTo(person)) === 1 ? true : undefined), "the other's mail");
  const bounces = await until(async () => {
    const rows = await sql`select reason from private.bounced_addresses where email = ${address}`;
    return rows.length > 0 ? rows : undefined;
  }, "the bounce");
  expect(bounces).toEqual([{ reason: "refused with 550" }]);
  expect(await mailedTo(gone)).toBe(0);
  expect(await sql`select 1 from public.dead_jobs where queue = 'mails'`).toHaveLength(0);
});

it("sends nothing to an address that bounced", async () => {
  const person = await signUp("Eva");
  await sql`select public.record_bounce(${person.email}, 'refused with 550')`;
  await tell(person, 1);
  await until(async () => {
    const [row] = await sql`select count(*)::integer as waiting from pgmq.q_mails`;
    return row?.waiting === 0 ? true : undefined;
  }, "an empty queue");
  expect(await mailedTo(person)).toBe(0);
});

/** Other stacks of this folder may run beside the tests': theirs have another port of the API. */
function ownedByThisStack(pid: number): boolean {
  const environment = execFileSync("cat", [`/proc/${pid}/environ`], { encoding: "utf8" }).split("\0");
  return environment.includes(`SUPABASE_URL=${stack.apiUrl}`);
}
