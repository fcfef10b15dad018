// A co-host who is added at the same moment as a booking or a message of the property can read it, whichever is committed first.

import type { Sql, TransactionSql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { database, openConnections } from "../support/database.ts";
import { startThread } from "../support/messages.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { dayAhead, until } from "../support/time.ts";

const sql = database();
const [first, second] = openConnections(2) as [Sql, Sql];
let host: Person;
let guest: Person;
let coHost: Person;

beforeAll(async () => {
  [host, guest, coHost] = await Promise.all([signUp("Hana"), signUp("Gus"), signUp("Cora")]);
});
afterAll(() => Promise.all([sql.end(), first.end(), second.end()]));

type Write = (transaction: TransactionSql, property: string) => Promise<unknown>;

const addCoHost: Write = (transaction, property) =>
  transaction`insert into public.co_hosts (property_id, profile_id, level) values (${property}, ${coHost.id}, 'full')`;

const asGuest =
  (write: Write): Write =>
  async (transaction, property) => {
    const claims = JSON.stringify({ sub: guest.id, role: "authenticated" });
    await transaction`select set_config('request.jwt.claims', ${claims}, true), set_config('role', 'authenticated', true)`;
    await write(transaction, property);
  };

const writes: Record<"bookings" | "messages", Write> = {
  bookings: asGuest(
    (transaction, property) => transaction`
      insert into public.bookings (property_id, check_in, check_out) values (${property}, ${dayAhead(30)}, ${dayAhead(33)})`,
  ),
  messages: asGuest(
    (transaction, property) => transaction`
      insert into public.messages (thread_id, body) select id, 'Hello' from public.threads where property_id = ${property}`,
  ),
};

/** Starts the second write while the first is not committed, and commits the first when the second waits for it. */
async function overlap(one: Write, other: Write, property: string): Promise<void> {
  const [backend] = await second`select pg_backend_pid() as pid`;
  let waiting: Promise<unknown> | undefined;
  await first.begin(async (transaction) => {
    await one(transaction, property);
    waiting = second.begin((transaction) => other(transaction, property));
    await until(async () => {
      const [row] =
        await sql`select cardinality(pg_blocking_pids(${Number(backend?.pid)})) > 0 as is_blocked`;
      return row?.is_blocked === true;
    }, "the second write waits for the first");
  });
  await waiting;
}

it.each([
  ["bookings", "first"],
  ["bookings", "second"],
  ["messages", "first"],
  ["messages", "second"],
] as const)("a co-host reads %s that are written %s", async (kind, order) => {
  const property = await createBookable(host);
  if (kind === "messages") await startThread(guest, property);
  const [one, other] = order === "first" ? [writes[kind], addCoHost] : [addCoHost, writes[kind]];
  await overlap(one, other, property);
  const { data } = await coHost.client.from(kind).select("id").eq("property_id", property).throwOnError();
  expect(data).toHaveLength(1);
});
