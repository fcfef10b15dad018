// Every wrong request to a table, a view or a function is answered with a coded error, unless it never reaches a trigger.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Relation,
  readExposedFunctions,
  readRowCheckErrors,
  readWritableRelations,
} from "../support/catalogue.ts";
import { queryGraphql, requestRest } from "../support/clients.ts";
import { createJudge, type Judge, type Sender } from "../support/coded-errors.ts";
import { database, withoutTriggers } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";
import {
  createFixtures,
  type Fixture,
  type People,
  type Row,
  signUpPeople,
} from "../support/writable-rows.ts";
import { wrongValues } from "../support/wrong-values.ts";

const sql = database();
const relations = await readWritableRelations(sql);
const functions = await readExposedFunctions(sql);

let people: People;
/** A person whose account is deleted and whose token is still valid. */
let former: Person;
let fixtures: Record<string, Fixture>;

beforeAll(async () => {
  [people, former] = await Promise.all([signUpPeople(), signUp("Fred")]);
  await former.client.rpc("delete_account").throwOnError();
  fixtures = await createFixtures(sql, people);
});
afterAll(async () => {
  await withoutTriggers(
    sql,
    (tx) => tx`delete from public.exchange_rates where from_currency = 'KMF' or to_currency = 'VUV'`,
  );
  await sql.end();
});

const signedOut: Sender = { name: "signed out", caller: undefined };
const sender = (name: string, person: () => Person): Sender => ({
  name,
  get caller() {
    return person();
  },
});
const asCoHost = sender("co-host", () => people.coHost);
const asStranger = sender("stranger", () => people.stranger);
const asOperator = sender("operator", () => people.operator);
const asFormer = sender("former", () => former);

/** All senders except the owner. */
const others = [asCoHost, asStranger, asOperator, asFormer, signedOut];

/** A search that is right. */
const lisbon = { p_latitude: 38.7, p_longitude: -9.1, p_radius: 5_000 };

/** What a row check can raise and no request leads to: by reason, the errors of each table. */
const unreachable: Record<string, Record<string, string[]>> = {
  "the row belongs to the caller, and the columns that say so cannot be sent": {
    blocked_profiles: ["insert_not_allowed"],
    cancellation_policies: ["insert_not_allowed"],
    properties: ["insert_not_allowed"],
    reviews: ["insert_not_allowed"],
    threads: ["insert_not_allowed"],
    webhook_endpoints: ["insert_not_allowed"],
    wishlists: ["insert_not_allowed"],
  },
  "the columns that decide who may change the row cannot be changed": {
    accounts: ["update_not_allowed"],
    cancellation_policies: ["update_not_allowed"],
    co_hosts: ["update_not_allowed"],
    host_blocks: ["update_not_allowed"],
    own_bookings: ["update_not_allowed"],
    notification_preferences: ["update_not_allowed"],
    notification_settings: ["update_not_allowed"],
    notifications: ["update_not_allowed"],
    payout_holds: ["update_not_allowed"],
    profiles: ["update_not_allowed"],
    property_addresses: ["update_not_allowed"],
    property_amenities: ["update_not_allowed"],
    property_availability_rules: ["update_not_allowed"],
    property_date_overrides: ["update_not_allowed"],
    property_fees: ["update_not_allowed"],
    property_photos: ["update_not_allowed"],
    property_seasons: ["update_not_allowed"],
    property_taxes: ["update_not_allowed"],
    reviews: ["update_not_allowed"],
    wishlist_items: ["update_not_allowed"],
    wishlist_shares: ["update_not_allowed"],
  },
  "an earlier trigger fills the column or refuses with a better error": {
    house_rules: ["already_exists property id and version"],
    messages: ["attachment_path_is_in_thread", "reference_not_found thread_id"],
    own_bookings: ["reference_not_found external_block_id"],
    property_date_overrides: ["reference_not_found currency", "value_missing currency"],
    property_fees: ["reference_not_found currency", "value_missing currency"],
    property_seasons: ["reference_not_found currency", "value_missing currency"],
    property_taxes: ["reference_not_found currency", "value_missing currency"],
    reports: ["already_exists reporter id and subject and subject id"],
    reviews: ["already_exists booking id and side", "reference_not_found booking_id"],
    threads: ["already_exists property id and guest id", "reference_not_found property_id"],
  },
  "a person who may not write the row cannot see the row that it refers to either": {
    review_notes: ["insert_not_allowed", "update_not_allowed"],
    wishlist_items: ["insert_not_allowed"],
  },
  "only the service role writes these columns": {
    properties: ["source_has_id"],
    property_photos: ["photo_has_one_location", "photo_path_is_of_property"],
  },
};

it("has a fixture for each table and view that people may write", () => {
  expect(Object.keys(fixtures).sort()).toEqual(relations.map(({ name }) => name).sort());
});

// every value for every column: the tables with most columns take a minute on a busy machine
describe.concurrent("tables and views", { timeout: 300_000 }, () => {
  it.each(relations.map((relation) => [relation.name, relation] as const))("%s", async (name, relation) => {
    const fixture = fixtures[name];
    if (fixture === undefined) throw new Error(`there is no fixture for ${name}`);
    const judge = createJudge(sql);
    await attack(judge, relation, fixture);
    const expected = await readRowCheckErrors(sql, relation);
    const seen = judge.seen();
    const excused = Object.values(unreachable).flatMap((tables) => tables[name] ?? []);
    expectNone([
      ...(await judge.faults()),
      ...expected
        .filter((error) => !seen.has(error) && !excused.includes(error))
        .map((error) => `no request led to ${error}`),
      ...excused
        .filter((error) => seen.has(error) || !expected.includes(error))
        .map((error) => `listed as unreachable without need: ${error}`),
    ]);
  });
});

/** Sends a table every wrong value and row, as its owner and as all others. */
async function attack(judge: Judge, relation: Relation, fixture: Fixture) {
  const { row, key, change } = fixture;
  if (row !== undefined) await attackInserts(judge, relation, fixture, row);
  if (key !== undefined && change !== undefined) await attackUpdates(judge, relation, fixture, key, change);
  for (const sender of [...others, asOwner(fixture)]) {
    await judge.send({ sender, method: "GET", path: `${relation.name}?limit=1` });
    for (const used of fixture.inUse ?? []) {
      const answer = await judge.send({ sender, method: "DELETE", path: pathOf(relation, used) });
      expect(answer, "what is in use is not deleted").not.toMatchObject({ body: [{}] });
    }
    const filter = key ?? { [relation.key[0] ?? "id"]: crypto.randomUUID() };
    await judge.send({ sender, method: "DELETE", path: pathOf(relation, filter) });
  }
}

async function attackInserts(
  judge: Judge,
  relation: Relation,
  fixture: Fixture,
  row: NonNullable<Fixture["row"]>,
) {
  const owner = asOwner(fixture);
  const merge = "resolution=merge-duplicates";
  let n = 0;
  /** Inserts, and takes back what was inserted where that is possible, so that it does not hide other errors. */
  const insert = async (sender: Sender, body: Row | Row[], prefer?: string) => {
    const isColumnDenied =
      !isWritable(relation, body, "isInsertable") ||
      (prefer === merge && !isWritable(relation, body, "isUpdatable"));
    const path = `${relation.name}?select=${relation.key.join(",")}`;
    const answer = await judge.send({ sender, method: "POST", path, body, prefer, isColumnDenied });
    if (answer.status !== 201 || prefer !== undefined) return answer;
    await fixture.undo?.();
    if (!relation.isDeletable) return answer;
    for (const made of answer.body as Row[]) {
      await judge.send({ sender, method: "DELETE", path: pathOf(relation, made) });
    }
    return answer;
  };

  if (fixture.isMade) expectAccepted(await insert(owner, row(n++), merge), 200);
  else expectAccepted(await insert(owner, row(n++)), 201);
  const columns = relation.columns.filter(({ isInsertable }) => isInsertable);
  for (const column of columns) {
    await insert(owner, without(row(n++), column.name));
    for (const value of [null, ...wrongValues(column)])
      await insert(owner, { ...row(n++), [column.name]: value });
  }
  for (const values of fixture.broken ?? []) await insert(owner, { ...row(n++), ...values });
  await insert(owner, {});
  for (const { name, isInsertable } of relation.columns) {
    if (!isInsertable) await insert(owner, { ...row(n++), [name]: null });
  }
  for (const sender of others) {
    for (const { name } of columns) await insert(sender, without(row(n++), name));
    await insert(sender, row(n++));
  }
  const twin = row(n++);
  await insert(owner, [twin, twin]);
  const valid = row(n++);
  await insert(owner, valid, "resolution=ignore-duplicates");
  await insert(owner, valid, merge);
  await insert(owner, valid);
  // Rows with the key of a row that exists, which the sender may not see.
  const { key } = fixture;
  if (key === undefined) return;
  for (const sender of [...others, owner]) {
    const taken = { ...row(n++), ...key };
    await insert(sender, taken, "resolution=ignore-duplicates");
    await insert(sender, taken, merge);
    await insert(sender, [taken, taken], merge);
    await insert(sender, taken);
  }
}

async function attackUpdates(judge: Judge, relation: Relation, fixture: Fixture, key: Row, change: Row) {
  const owner = asOwner(fixture);
  const update = (sender: Sender, body: Row) => {
    const isColumnDenied = !isWritable(relation, body, "isUpdatable");
    return judge.send({ sender, method: "PATCH", path: pathOf(relation, key), body, isColumnDenied });
  };
  expectAccepted(await update(owner, change), 200);
  for (const values of fixture.broken ?? []) await update(owner, values);
  for (const sender of others) await update(sender, change);
  // The key comes last, because a row with another key is no longer found.
  const isKey = ({ name }: { name: string }) => relation.key.includes(name);
  const columns = relation.columns.filter((column) => !isKey(column)).concat(relation.columns.filter(isKey));
  for (const column of columns) {
    const values = column.isUpdatable ? wrongValues(column) : [];
    for (const value of [null, ...values]) await update(owner, { [column.name]: value });
  }
}

function asOwner({ owner }: Fixture): Sender {
  return { name: "owner", caller: owner };
}

function pathOf(relation: Relation, key: Row): string {
  const filters = Object.entries(key).map(
    ([column, value]) => `${column}=eq.${encodeURIComponent(`${value}`)}`,
  );
  return `${relation.name}?${filters.join("&")}`;
}

/** Whether signed-in people may write every column of a row. */
function isWritable(
  relation: Relation,
  body: Row | Row[],
  privilege: "isInsertable" | "isUpdatable",
): boolean {
  return relation.columns.every(
    (column) => ![body].flat().some((row) => column.name in row) || column[privilege],
  );
}

function without(row: Row, column: string): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== column));
}

describe.concurrent("functions", () => {
  it.each(functions.map((called) => [called.name, called] as const))("%s", async (name, called) => {
    const judge = createJudge(sql);
    // The account of the stranger and of the operator is still needed.
    const senders = [signedOut, asFormer].concat(name === "delete_account" ? [] : [asStranger, asOperator]);
    const call = (sender: Sender, body: Row) =>
      judge.send({ sender, method: "POST", path: `rpc/${name}`, body });
    const valuesOf = (value: (argument: (typeof called.arguments)[number]) => unknown) =>
      Object.fromEntries(called.arguments.map((argument) => [argument.name, value(argument)]));
    const first = valuesOf((argument) => wrongValues(argument)[0]);
    for (const sender of senders) {
      await call(sender, {});
      await call(
        sender,
        valuesOf(() => null),
      );
      await call(sender, first);
      await call(sender, { ...first, no_such_argument: 1 });
      // The answers of the search, whose arguments are optional, are the same for all callers.
      const isSearch = called.arguments.length > 10;
      if (isSearch && sender !== signedOut) continue;
      for (const argument of called.arguments) {
        for (const value of [null, ...wrongValues(argument)]) {
          await call(sender, { ...(isSearch ? lisbon : first), [argument.name]: value });
        }
      }
    }
    expectNone(await judge.faults());
  });
});

it.each([
  "wishlists",
  "host_blocks",
  "house_rules",
  "property_fees",
  "co_host_invitations",
  "property_amenities",
  "bookings",
])("GraphQL gives the message that REST gives: %s", async (name) => {
  const relation = relations.find((found) => found.name === name);
  const { owner, row, broken = [] } = fixtures[name] ?? {};
  if (relation === undefined || row === undefined) throw new Error(`there is no fixture for ${name}`);
  const camel = (words: string) => words.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const type = camel(`_${name}`);
  const mutation = `mutation M($rows: [${type}InsertInput!]!) { insertInto${type}Collection(objects: $rows) { affectedCount } }`;
  const missing = { [relation.columns.find(({ isInsertable }) => isInsertable)?.name ?? ""]: null };
  const messages: { rest: unknown; graphql: unknown }[] = [];
  for (const caller of [owner, people.stranger]) {
    for (const values of [...broken, missing]) {
      const body = { ...row(1_000), ...values };
      const rest = await requestRest(caller, "POST", name, body);
      if (rest.status < 400) continue;
      // GraphQL takes a bigint as text.
      const fields = Object.entries({ ...body, ...("amount" in body ? { amount: `${body.amount}` } : {}) });
      const rows = [Object.fromEntries(fields.map(([column, value]) => [camel(column), value]))];
      const { errors } = await queryGraphql(mutation, { rows }, caller);
      messages.push({ rest: (rest.body as { message: string }).message, graphql: errors?.[0]?.message });
    }
  }
  expect(messages.length).toBeGreaterThan(0);
  expect(messages.map(({ graphql }) => graphql)).toEqual(messages.map(({ rest }) => rest));
});

it.each(["bookings", "reviews"])("PUT on %s is refused, and the hint names PATCH", async (name) => {
  const answer = await requestRest(people.host, "PUT", `${name}?id=eq.${crypto.randomUUID()}`, {});
  expect(answer).toMatchObject({
    status: 405,
    body: {
      code: "PT405",
      message: `PUT is not supported on ${name}.`,
      hint: expect.stringContaining("PATCH"),
    },
  });
});

/** Shows that the fixture is right: what is then refused is refused for what is wrong in it. */
function expectAccepted({ status, body }: { status: number; body: unknown }, expected: number) {
  expect({ status, body }, JSON.stringify(body)).toMatchObject({ status: expected, body: [{}] });
}

/** Shows each fault whole, where Vitest would cut them. */
function expectNone(faults: string[]) {
  expect(faults, faults.join("\n")).toEqual([]);
}
