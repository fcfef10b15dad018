// Whatever a client sends wrong to a table, a view or a function is answered with a coded error, but for what never reaches a trigger.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Column,
  nameProblem,
  type Relation,
  readExposedFunctions,
  readRowCheckErrors,
  readWritableRelations,
} from "../support/catalogue.ts";
import { type GraphqlAnswer, queryGraphql } from "../support/clients.ts";
import { type Attempt, createJudge, type Judge, type Sender } from "../support/coded-errors.ts";
import { database } from "../support/database.ts";
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
/** Somebody whose account is deleted, and whose token still is valid. */
let former: Person;
let fixtures: Record<string, Fixture>;

beforeAll(async () => {
  [people, former] = await Promise.all([signUpPeople(), signUp("Fred")]);
  await former.client.rpc("delete_account").throwOnError();
  fixtures = await createFixtures(sql, people);
});
afterAll(async () => {
  await sql`delete from public.exchange_rates where from_currency = 'KMF' or to_currency = 'VUV'`;
  await sql.end();
});

const signedOut: Sender = { name: "signed out", caller: undefined };
const serviceRole: Sender = { name: "service role", caller: undefined, isService: true };

/** What a row check can raise and no request reaches, with the reason. */
const unreachable: Record<string, Record<string, string>> = {};

it("has a fixture for each table and view that people may write", () => {
  expect(Object.keys(fixtures).sort()).toEqual(relations.map(({ name }) => name).sort());
});

describe.concurrent("tables and views", () => {
  it.each(relations.map((relation) => [relation.name, relation] as const))("%s", async (name, relation) => {
    const fixture = fixtures[name];
    if (fixture === undefined) throw new Error(`there is no fixture for ${name}`);
    const judge = createJudge(sql);
    await attack(judge, relation, fixture);
    const expected = await readRowCheckErrors(sql, name);
    const seen = judge.seen();
    // Views have triggers of their own.
    const unseen = (expected ?? []).filter(
      (error) => !seen.has(error) && unreachable[name]?.[error] === undefined,
    );
    expectNone([...(await judge.faults()), ...unseen.map((error) => `no request led to ${error}`)]);
  });
});

/** Sends a table everything that can be wrong, as everybody who may or may not write it. */
async function attack(
  judge: Judge,
  relation: Relation,
  { owner, row, key, change = {}, broken = [] }: Fixture,
) {
  const owned: Sender = { name: "owner", caller: owner };
  const others: Sender[] = [
    { name: "co-host", caller: people.coHost },
    { name: "stranger", caller: people.stranger },
    { name: "operator", caller: people.operator },
    { name: "former", caller: former },
    signedOut,
  ];
  const path = (filter: Row) =>
    `${relation.name}?${Object.entries(filter)
      .map(([column, value]) => `${column}=eq.${value}`)
      .join("&")}`;
  let n = 0;

  /** Inserts a row, and deletes it again where that is allowed, so that it does not hide other errors. */
  const insert = async (sender: Sender, body: Row, prefer?: string) => {
    const target = `${relation.name}?select=${relation.key.join(",")}`;
    const isColumnDenied =
      !isWritable(relation, body, sender, "inserters") ||
      (prefer?.includes("merge") && !isWritable(relation, body, sender, "updaters"));
    const { status, body: inserted } = await judge.send({
      sender,
      method: "POST",
      path: target,
      body,
      prefer,
      isColumnDenied,
    } as Attempt);
    if (status === 201 && relation.isDeletable && prefer === undefined) {
      for (const made of inserted as Row[]) await judge.send({ sender, method: "DELETE", path: path(made) });
    }
  };
  const update = (sender: Sender, body: Row) =>
    judge.send({
      sender,
      method: "PATCH",
      path: path(key ?? {}),
      body,
      isColumnDenied: !isWritable(relation, body, sender, "updaters"),
    });

  if (row !== undefined) {
    const columns = relation.columns.filter(({ inserters }) => inserters.length > 0);
    for (const column of columns) {
      const sender = column.inserters.includes("authenticated") ? owned : serviceRole;
      await insert(sender, without(row(n++), column.name));
      for (const value of [null, ...wrongValues(column)]) {
        await insert(sender, { ...row(n++), [column.name]: value });
      }
    }
    for (const values of broken) await insert(owned, { ...row(n++), ...values });
    await insert(owned, {});
    for (const sender of others) {
      for (const { name } of columns) await insert(sender, without(row(n++), name));
      await insert(sender, row(n++));
    }
    for (const { name } of relation.columns) {
      if (!columns.some((column) => column.name === name)) await insert(owned, { ...row(n++), [name]: null });
    }
    const valid = row(n++);
    await insert(owned, valid);
    await insert(owned, valid, "resolution=ignore-duplicates");
    await insert(owned, valid, "resolution=merge-duplicates");
    await insert(owned, valid);
  }
  if (key !== undefined && Object.keys(change).length > 0) {
    const columns = relation.columns.filter(({ updaters }) => updaters.length > 0);
    for (const column of columns) {
      const sender = column.updaters.includes("authenticated") ? owned : serviceRole;
      for (const value of [null, ...wrongValues(column)]) await update(sender, { [column.name]: value });
    }
    for (const values of broken) await update(owned, values);
    for (const { name } of relation.columns) {
      if (!columns.some((column) => column.name === name)) await update(owned, { [name]: null });
    }
    for (const sender of [...others, owned]) await update(sender, change);
  }
  for (const sender of [...others, owned]) {
    await judge.send({ sender, method: "GET", path: `${relation.name}?limit=1` });
    const filter = key ?? { [relation.key[0] ?? "id"]: crypto.randomUUID() };
    await judge.send({ sender, method: "DELETE", path: path(filter) });
  }
}

function isWritable(
  relation: Relation,
  body: Row,
  { isService }: Sender,
  privilege: "inserters" | "updaters",
): boolean {
  const role = isService ? "service_role" : "authenticated";
  return relation.columns.every(
    (column: Column) => !(column.name in body) || column[privilege].includes(role),
  );
}

function without(row: Row, column: string): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== column));
}

describe.concurrent("functions", () => {
  it.each(functions.map((called) => [called.name, called] as const))("%s", async (name, called) => {
    const judge = createJudge(sql);
    // Only the last calls of delete_account would delete an account, so nobody makes them who is needed later.
    const senders: Sender[] = [
      signedOut,
      { name: "former", caller: former },
      ...(name === "delete_account"
        ? []
        : [
            { name: "stranger", caller: people.stranger },
            { name: "operator", caller: people.operator },
          ]),
    ];
    const call = (sender: Sender, body: Row) =>
      judge.send({ sender, method: "POST", path: `rpc/${name}`, body });
    for (const sender of senders) {
      const first = Object.fromEntries(
        called.arguments.map((argument) => [argument.name, wrongValues(argument)[0]]),
      );
      await call(sender, {});
      await call(sender, Object.fromEntries(called.arguments.map((argument) => [argument.name, null])));
      await call(sender, first);
      await call(sender, { ...first, no_such_argument: 1 });
      for (const argument of called.arguments) {
        for (const value of [null, ...wrongValues(argument)]) {
          // Many arguments are optional, so each is sent alone.
          await call(
            sender,
            called.arguments.length > 8 ? { [argument.name]: value } : { ...first, [argument.name]: value },
          );
        }
      }
    }
    expectNone(await judge.faults());
  });
});

/** Shows each fault whole, where Vitest would cut them. */
function expectNone(faults: string[]) {
  expect(faults, faults.join("\n")).toEqual([]);
}
