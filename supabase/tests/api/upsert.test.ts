// Upserts, as supabase-js sends them: on every table that people may insert into or update, they work or the error names the call.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Relation, readWritableRelations } from "../support/catalogue.ts";
import { type Caller, request, requestRest } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { signUp } from "../support/people.ts";
import {
  createFixtures,
  type Fixture,
  type People,
  type Row,
  signUpPeople,
} from "../support/writable-rows.ts";

const sql = database();
/** The calls that an error of a table without upserts names. */
const otherCalls: Record<string, string> = {
  blocked_profiles: "insert()",
  bookings: "insert() or update()",
  cancellation_policies: "insert() or update()",
  co_host_invitations: "insert()",
  co_hosts: "update()",
  exchange_rates: "insert()",
  house_rules: "insert()",
  messages: "insert()",
  money_requests: "insert()",
  notifications: "update()",
  payout_holds: "insert() or update()",
  property_photos: "update()",
  reports: "insert()",
  reviews: "insert() or update()",
  threads: "insert()",
  user_roles: "insert()",
};
const relations = (await readWritableRelations(sql)).filter(({ columns }) =>
  columns.some(({ isInsertable, isUpdatable }) => isInsertable || isUpdatable),
);
const [refusing, accepting] = [
  relations.filter(({ name }) => name in otherCalls),
  relations.filter(({ name }) => !(name in otherCalls)),
];

let people: People;
let fixtures: Record<string, Fixture>;
beforeAll(async () => {
  people = await signUpPeople();
  fixtures = await createFixtures(sql, people);
});
afterAll(() => sql.end());

describe("tables that take upserts", () => {
  it.each(accepting.map((relation) => [relation.name, relation] as const))("%s", async (name, relation) => {
    const { owner, row, isMade, change = {} } = fixtureOf(name);
    const first = row?.(2_000) ?? {};
    const inserted = await upsert(owner, name, first);
    expect(inserted, JSON.stringify(inserted.body)).toMatchObject({
      status: isMade ? 200 : 201,
      body: [{}],
    });
    const before = inserted.body[0] ?? {};
    const key = Object.fromEntries(relation.key.map((column) => [column, before[column]]));
    const whole = { ...first, ...key, ...change };

    for (const changed of [
      await upsert(owner, name, whole),
      await requestRest(owner, "PUT", pathOf(name, key), whole),
    ]) {
      expect(changed, JSON.stringify(changed.body)).toMatchObject({ status: 200, body: [change] });
    }
    const after = await readRow(owner, relation, key, "*");
    const sent = Object.keys(whole);
    const unsent = relation.columns
      .map((column) => column.name)
      .filter((column) => !sent.includes(column) && column !== "updated_at");
    for (const column of unsent) expect({ [column]: after[column] }).toEqual({ [column]: before[column] });

    // No one can change another person's row, move a row to another key, or send one twice.
    for (const caller of [people.stranger, undefined]) {
      const { status, body } = await upsert(caller, name, whole);
      expect({ status, body }, JSON.stringify(body)).toMatchObject({
        status: caller === undefined ? 401 : expect.toBeOneOf([403, 422]),
        body: { code: expect.stringMatching(/^PT/) },
      });
    }
    expect(await readRow(owner, relation, key, "*")).toEqual(after);
    for (const column of relation.key) {
      const moved = await requestRest(owner, "PATCH", pathOf(name, key), {
        [column]: otherValue(after[column]),
      });
      expect(moved, JSON.stringify(moved.body)).toMatchObject({
        status: 422,
        body: { details: expect.stringContaining('"key_is_fixed"') },
      });
    }
    expect(await upsert(owner, name, [whole, whole])).toMatchObject({
      status: 422,
      body: { details: expect.stringContaining('"row_sent_twice"') },
    });
  });
});

describe("other tables", () => {
  it.each(refusing.map((relation) => [relation.name, relation] as const))("%s", async (name) => {
    const { owner, row, key, change } = fixtureOf(name);
    expect(await upsert(owner, name, { ...row?.(3_000), ...key, ...change })).toMatchObject({
      status: 400,
      body: {
        code: "PT400",
        details: expect.stringContaining('"upsert_not_supported"'),
        hint: `Call ${otherCalls[name]} instead.`,
      },
    });
  });
});

it("only tables that people may insert into or update are listed", () => {
  expect(refusing.map(({ name }) => name)).toEqual(Object.keys(otherCalls));
});

it("no one makes a profile or an account, or brings a deleted one back", async () => {
  const former = await signUp("Fred");
  await former.client.rpc("delete_account").throwOnError();
  for (const id of [former.id, crypto.randomUUID()]) {
    for (const [table, row] of Object.entries({ profiles: { id, display_name: "Fred" }, accounts: { id } })) {
      for (const answer of [
        await upsert(former, table, row),
        await requestRest(former, "POST", table, row),
      ]) {
        expect(answer, JSON.stringify(answer.body)).toMatchObject({
          status: expect.toBeOneOf([403, 409, 422]),
          body: { code: expect.stringMatching(/^PT/) },
        });
      }
    }
  }
});

it("a co-host changes a property by an upsert, and its host stays", async () => {
  const { key, change } = fixtureOf("properties");
  const first = await readRow(people.host, relationOf("properties"), key ?? {});
  const changed = await upsert(people.coHost, "properties", { ...first, ...change });
  expect(changed, JSON.stringify(changed.body)).toMatchObject({
    status: 200,
    body: [{ ...change, host_id: people.host.id }],
  });
});

it("an upsert that adds nothing works at the limit of rows", async () => {
  const owner = await signUp("Lou");
  await sql`insert into public.wishlists (owner_id, name) select ${owner.id}, 'List ' || n from generate_series(1, 100) n`;
  const [list] = await sql<
    { id: string }[]
  >`select id from public.wishlists where owner_id = ${owner.id} limit 1`;
  expect(await upsert(owner, "wishlists", { id: list?.id, name: "Mine" })).toMatchObject({ status: 200 });
  expect(await upsert(owner, "wishlists", { name: "Mine" })).toMatchObject({ status: 422 });
});

function relationOf(name: string): Relation {
  const relation = relations.find((found) => found.name === name);
  if (relation === undefined) throw new Error(`no one may write ${name}`);
  return relation;
}

function fixtureOf(name: string): Fixture {
  const fixture = fixtures[name];
  if (fixture === undefined) throw new Error(`there is no fixture for ${name}`);
  return fixture;
}

async function upsert(caller: Caller, table: string, row: Row | Row[]) {
  const response = await request(caller, `/rest/v1/${table}`, {
    method: "POST",
    headers: { prefer: "return=representation,resolution=merge-duplicates" },
    body: JSON.stringify(row),
  });
  return { status: response.status, body: (await response.json()) as Row[] };
}

/** A row as its owner reads it; without `select`, the columns that people may insert. */
async function readRow(caller: Caller, { name, columns }: Relation, key: Row, select?: string): Promise<Row> {
  const insertable = columns.filter(({ isInsertable }) => isInsertable).map((column) => column.name);
  const { body } = await requestRest(caller, "GET", `${pathOf(name, key)}&select=${select ?? insertable}`);
  const [row] = body as Row[];
  if (row === undefined) throw new Error(`the owner cannot read ${name} ${JSON.stringify(key)}`);
  return row;
}

function pathOf(name: string, key: Row): string {
  return `${name}?${Object.entries(key)
    .map(([column, value]) => `${column}=eq.${value}`)
    .join("&")}`;
}

function otherValue(value: unknown): unknown {
  if (value === "bookings") return "messages";
  return /^[0-9a-f-]{36}$/.test(`${value}`) ? crypto.randomUUID() : "washer";
}
