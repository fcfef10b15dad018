// The endpoint as the gateway uses it: bodies, callers, transactions, changes of the schema, and what happens when things break.

import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type Answer,
  type Caller,
  createGraphql,
  type Graphql,
} from "../../../scripts/stack/graphql/index.ts";
import { ANA, BO, edges, refused } from "./lodging.ts";

const SCHEMA = `endpoint_${process.pid}`;
const url = process.env.STAYBASE_DB_URL ?? "";
const anon: Caller = { role: "anon", claims: '{"role":"anon"}' };
const guest = (sub: string): Caller => ({
  role: "authenticated",
  claims: JSON.stringify({ role: "authenticated", sub }),
});

/** The same database as the role that the gateway connects as. */
function asAuthenticator(address = url): postgres.Sql {
  const target = new URL(address);
  target.username = "authenticator";
  target.password = "postgres";
  return postgres(target.href, { max: 4, onnotice: () => {}, connection: { application_name: SCHEMA } });
}

let admin: postgres.Sql;
let pool: postgres.Sql;
let graphql: Graphql;

beforeAll(async () => {
  admin = postgres(url, { max: 2, onnotice: () => {} });
  await admin.unsafe(`
    create schema ${SCHEMA};
    set search_path = ${SCHEMA};
    create table notes (id integer primary key, owner uuid not null, body text, score bigint);
    alter table notes enable row level security;
    create policy "Owners" on notes to authenticated
      using (owner = (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid);
    insert into notes values (1, '${ANA}', 'of Ana', 9007199254740993), (2, '${BO}', 'of Bo', 2);
    create function me() returns text stable language sql as 'select current_user::text';
    create function setting(name text) returns text stable language sql as 'select current_setting(name, true)';
    create function nap(seconds double precision) returns boolean stable language sql as 'select pg_sleep(seconds) is null';
    create function refuse() returns integer language plpgsql as $$ begin raise 'not today' using errcode = 'PT409'; end $$;
    grant usage on schema ${SCHEMA} to anon, authenticated;
    grant all on notes to authenticated;
    grant execute on all functions in schema ${SCHEMA} to anon, authenticated;
    reset search_path;
  `);
  pool = asAuthenticator();
  graphql = createGraphql(pool, { searchPath: [SCHEMA] });
});

afterAll(async () => {
  await graphql.close();
  await pool.end();
  await admin.unsafe(`drop schema ${SCHEMA} cascade`);
  await admin.end();
});

const json = ({ status, body }: Answer) => ({ status, body: JSON.parse(body) as unknown });
const ask = async (query: string, caller = guest(ANA), rest: object = {}) =>
  json(await graphql.answer(caller, { query, ...rest }));
const ok = (body: unknown) => ({ status: 200, body });

describe("bodies", () => {
  it("answers with the keys in the order of jsonb: by length, then by bytes", async () => {
    const { body } = await graphql.answer(anon, { query: '{ bb: me a: me ab: setting(name: "x") nope }' });
    expect(body).toBe(
      '{"data": {"a": "anon", "ab": null, "bb": "anon"}, "errors": [{"message": "Unknown field \\"nope\\" on type Query"}]}',
    );
  });

  it("reads the text of a body without rounding", async () => {
    const text =
      '{"query":"query Q($n: BigInt) { notesCollection(filter: {score: {eq: $n}}) { edges { node { id score } } } }","variables":{"n":9007199254740993}}';
    const expected = { data: { notesCollection: edges({ id: 1, score: "9007199254740993" }) } };
    expect(json(await graphql.answer(guest(ANA), text))).toEqual(ok(expected));
  });

  it.each([
    [
      "null variables and extensions",
      { query: "{ me }", variables: null, extensions: null, operationName: null },
      { data: { me: "anon" } },
    ],
    ["extensions, which mean nothing", { query: "{ me }", extensions: { a: 1 } }, { data: { me: "anon" } }],
    [
      "variables that are no object",
      { query: "{ me }", variables: "x" },
      { errors: [{ message: "variables must be an object" }] },
    ],
    [
      "a name that is no text",
      { query: "query Q { me }", operationName: { a: 1 } },
      { errors: [{ message: "Operation not found" }] },
    ],
    ["no query", {}, refused("argument `query` must not be null")],
    ["no object", 5, refused("argument `query` must not be null")],
    ["nothing", "", refused("argument `query` must not be null")],
    ["a list of one", [{ query: "{ me }" }], { data: { me: "anon" } }],
  ])("takes %s", async (_title, body, expected) => {
    expect(json(await graphql.answer(anon, body))).toEqual(ok(expected));
  });

  it("refuses unknown keys as PostgREST does", async () => {
    expect(json(await graphql.answer(anon, { query: "{ me }", b: 1, a: 2 }))).toEqual({
      status: 404,
      body: {
        code: "PGRST202",
        details:
          "Searched for the function graphql_public.graphql with parameters a, b, query or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.",
        hint: null,
        message: "Could not find the function graphql_public.graphql(a, b, query) in the schema cache",
      },
    });
  });

  it("refuses what is not JSON as PostgREST does", async () => {
    expect(json(await graphql.answer(anon, "{bad"))).toEqual({
      status: 400,
      body: { code: "PGRST102", details: null, hint: null, message: "Empty or invalid json" },
    });
  });
});

describe("callers", () => {
  it("runs as the caller, with its claims and headers, and as PostgREST's function", async () => {
    const query = `{
      me
      claims: setting(name: "request.jwt.claims")
      headers: setting(name: "request.headers")
      method: setting(name: "request.method")
      path: setting(name: "request.path")
    }`;
    const caller = { ...guest(BO), headers: '{"x-a":"1"}' };
    expect(await ask(query, caller)).toEqual(
      ok({
        data: {
          me: "authenticated",
          claims: caller.claims,
          headers: '{"x-a":"1"}',
          method: "POST",
          path: "/rpc/graphql",
        },
      }),
    );
  });

  it("leaves nothing behind on the connection", async () => {
    await ask("{ me }");
    const rows =
      await pool`select current_user::text as role, current_setting('request.jwt.claims', true) as claims`;
    expect(rows).toEqual([{ role: "authenticator", claims: "" }]);
  });

  it("shows each caller their own rows, with many calls at once", async () => {
    const query = "{ notesCollection { edges { node { body } } } }";
    const callers = Array.from({ length: 60 }, (_, i) => [guest(ANA), guest(BO), anon][i % 3] as Caller);
    const expected = [
      ok({ data: { notesCollection: edges({ body: "of Ana" }) } }),
      ok({ data: { notesCollection: edges({ body: "of Bo" }) } }),
      ok(refused('Unknown field "notesCollection" on type Query')),
    ];
    const answers = await Promise.all(callers.map((caller) => ask(query, caller)));
    expect(answers).toEqual(callers.map((_, i) => expected[i % 3]));
  });

  it.each([
    ["postgres", 403, "42501", 'permission denied to set role "postgres"'],
    ['nobody"; drop schema public', 400, "22023", 'role "nobody"; drop schema public" does not exist'],
  ])("does not become %s", async (role, status, code, message) => {
    const answer = json(await graphql.answer({ role, claims: "{}" }, { query: "{ me }" }));
    expect(answer).toEqual({ status, body: { code, details: null, hint: null, message } });
  });
});

describe("transactions", () => {
  const bodies = () =>
    admin
      .unsafe(`select body from ${SCHEMA}.notes order by id`)
      .then((rows) => rows.map(({ body }) => body as string));
  const add = (id: number) =>
    `insertIntoNotesCollection(objects: {id: ${id}, owner: "${ANA}", body: "new"}) { affectedCount }`;

  it("undoes a mutation that fails, with the message that the database gives", async () => {
    const literal = (query: string) => query.replaceAll("NotesCollection", "notesCollection");
    expect(await ask(literal(`mutation { ${add(3)} refuse }`))).toEqual(ok(refused("not today")));
    expect(await bodies()).toEqual(["of Ana", "of Bo"]);
  });

  it("keeps one that does not", async () => {
    const query = `mutation { ${add(3)} }`.replaceAll("NotesCollection", "notesCollection");
    expect(await ask(query)).toEqual(ok({ data: { insertIntonotesCollection: { affectedCount: 1 } } }));
    expect(await bodies()).toEqual(["of Ana", "of Bo", "new"]);
    await admin.unsafe(`delete from ${SCHEMA}.notes where id = 3`);
  });

  it("stops at the time that the role allows", async () => {
    const [role] = await admin`select rolconfig from pg_roles where rolname = 'anon'`;
    expect(role?.rolconfig).toContain("statement_timeout=3s");
    expect(await ask("{ nap(seconds: 20) }", anon)).toEqual(
      ok(refused("canceling statement due to statement timeout")),
    );
  });
});

describe("changes of the schema", () => {
  it("are seen after a migration, without a call of reload", async () => {
    const query = "{ notesCollection { edges { node { colour } } } }";
    expect(await ask(query)).toEqual(ok(refused("Unknown field 'colour' on type 'notes'")));
    await admin.unsafe(`alter table ${SCHEMA}.notes add column colour text default 'red'`);
    await vi.waitFor(
      async () =>
        expect(await ask(query)).toEqual(ok({ data: { notesCollection: edges({ colour: "red" }) } })),
      30_000,
    );
    await admin.unsafe(`alter table ${SCHEMA}.notes drop column colour`);
    await vi.waitFor(
      async () => expect(await ask(query)).toEqual(ok(refused("Unknown field 'colour' on type 'notes'"))),
      30_000,
    );
  });

  it("are seen at once after a call of reload", async () => {
    await ask("{ me }");
    await admin.unsafe(`revoke execute on function ${SCHEMA}.me() from anon, public`);
    graphql.reload();
    expect(await ask("{ me }", anon)).toEqual(ok(refused('Unknown field "me" on type Query')));
    await admin.unsafe(`grant execute on function ${SCHEMA}.me() to anon, public`);
    graphql.reload();
    expect(await ask("{ me }", anon)).toEqual(ok({ data: { me: "anon" } }));
  });
});

describe("around the database", () => {
  it("lets the extension answer where it is installed", async () => {
    const database = `extension_${process.pid}`;
    await admin.unsafe(`create database ${database} template template0`);
    const address = new URL(url);
    address.pathname = `/${database}`;
    const owner = postgres(address.href, { max: 1, onnotice: () => {} });
    const other = asAuthenticator(address.href);
    const endpoint = createGraphql(other);
    try {
      await owner.unsafe(`
        create schema graphql;
        create function graphql.resolve() returns void language sql as '';
        create schema graphql_public;
        grant usage on schema graphql_public to anon;
        create function graphql_public.graphql("operationName" text, query text, variables jsonb, extensions jsonb) returns jsonb
          language sql as $$ select jsonb_build_array(current_user, $1, $2, $3, $4) $$;
        grant execute on function graphql_public.graphql to anon;
      `);
      const body = { query: "{ me }", variables: { a: [1] }, operationName: "Q" };
      expect(json(await endpoint.answer(anon, body))).toEqual(ok(["anon", "Q", "{ me }", { a: [1] }, null]));
    } finally {
      await endpoint.close();
      await other.end();
      await owner.end();
      await admin.unsafe(`drop database ${database} with (force)`);
    }
  });

  it("says so when the database cannot be reached", async () => {
    const nowhere = postgres("postgres://authenticator@127.0.0.1:1/postgres", { max: 1, connect_timeout: 2 });
    const endpoint = createGraphql(nowhere);
    const { status, body } = json(await endpoint.answer(anon, { query: "{ me }" }));
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: "PGRST000" });
    await endpoint.close();
    await nowhere.end({ timeout: 0 });
  });

  it("finds its way back when the listening connection is cut", async () => {
    await ask("{ me }");
    await admin`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = ${SCHEMA} and query ilike 'listen%'`;
    await admin.unsafe(`alter table ${SCHEMA}.notes add column size integer default 4`);
    const query = "{ notesCollection { edges { node { size } } } }";
    await vi.waitFor(
      async () => expect(await ask(query)).toEqual(ok({ data: { notesCollection: edges({ size: 4 }) } })),
      30_000,
    );
    await admin.unsafe(`alter table ${SCHEMA}.notes drop column size`);
  });
});
