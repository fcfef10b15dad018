// Every table and view of the API, by every verb, and every function, as every role: what the role may not do is refused, and nothing
// ends in an error of the server.

import { afterAll, beforeAll, expect, it } from "vitest";
import { database } from "../support/database.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const sql = database();
const relations = await sql<{ name: string; columns: string[] }[]>`
  select c.relname as name, (
    select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as columns
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') order by 1`;
const functions = await sql<{ name: string; oid: number; arguments: string[] }[]>`
  select p.proname as name, p.oid::int as oid, coalesce((
    select array_agg(p.proargnames[u.position] order by u.position)
    from unnest(p.proargtypes::oid[]) with ordinality as u (type, position)
  ), '{}') as arguments
  from pg_proc p
  -- a column that is computed from a row is no function of the API
  where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype and (p.pronargs = 0 or p.proargnames is not null)
  order by 1`;
const roles = ["anon", "guest", "operator", "service"] as const;
type Role = (typeof roles)[number];
let tokens: Record<Role, string>;

beforeAll(async () => {
  const [guest, operator] = await Promise.all([signUp("Gus"), signUpOperator("Olga")]);
  tokens = {
    anon: stack.publishableKey,
    guest: await tokenOf(guest),
    operator: await tokenOf(operator),
    service: stack.secretKey,
  };
});
afterAll(() => sql.end());

async function tokenOf({ client }: Person): Promise<string> {
  return (await client.auth.getSession()).data.session?.access_token ?? "";
}

/** The privilege that a verb needs on some column, or on the table. */
const privileges: Record<string, string> = {
  GET: "select",
  HEAD: "select",
  POST: "insert",
  PATCH: "update",
  PUT: "update",
  DELETE: "delete",
};

const databaseRoles: Record<Role, string> = {
  anon: "anon",
  guest: "authenticated",
  operator: "authenticated",
  service: "service_role",
};

it.each(roles.map((role) => [role]))("tables and views, as %s", async (role) => {
  const databaseRole = databaseRoles[role];
  const faults: string[] = [];
  for (const { name, columns } of relations) {
    for (const [method, privilege] of Object.entries(privileges)) {
      const has = privilege === "delete" ? "has_table_privilege" : "has_any_column_privilege";
      const [granted] = await sql<{ may: boolean }[]>`
        select ${sql(has)}(${databaseRole}, ${`public.${name}`}, ${privilege}) as may`;
      const isWrite = ["POST", "PATCH", "PUT"].includes(method);
      for (const body of isWrite ? [{}, { [columns[0] ?? "id"]: null }] : [undefined]) {
        const { status, text } = await send(role, method, name, columns[0] ?? "id", body);
        const what = `${method} ${name} ${JSON.stringify(body)}: ${status} ${text.slice(0, 200)}`;
        if (status >= 500) faults.push(what);
        if (granted?.may === false && ![401, 403, 405].includes(status)) faults.push(what);
      }
    }
  }
  expect(faults, faults.join("\n")).toEqual([]);
});

it.each(roles.map((role) => [role]))("functions, as %s", async (role) => {
  const faults: string[] = [];
  let refused = 0;
  for (const { name, oid, arguments: names } of functions) {
    const [granted] = await sql<{ may: boolean }[]>`
      select has_function_privilege(${databaseRoles[role]}, ${oid}::oid, 'execute') as may`;
    // without arguments, a function that may be called does its work
    if (granted?.may === true && names.length === 0) continue;
    const body = Object.fromEntries(names.map((argument) => [argument, null]));
    const { status, text } = await request(role, "POST", `rpc/${name}`, body);
    const what = `${name}: ${status} ${text.slice(0, 200)}`;
    if (status >= 500) faults.push(what);
    if (granted?.may === false) {
      refused += 1;
      if (![401, 403].includes(status)) faults.push(what);
    }
  }
  expect(functions.length).toBeGreaterThan(60);
  expect(refused).toBeGreaterThan(role === "service" ? 0 : 20);
  expect(faults, faults.join("\n")).toEqual([]);
});

/** Sends a request that names no existing row. */
function send(role: Role, method: string, name: string, column: string, body: unknown) {
  return request(role, method, `${name}${method === "POST" ? "" : `?${column}=is.null`}`, body);
}

async function request(role: Role, method: string, path: string, body: unknown) {
  const response = await fetch(`${stack.apiUrl}/rest/v1/${path}`, {
    method,
    headers: {
      apikey: role === "service" ? stack.secretKey : stack.publishableKey,
      ...(role === "guest" || role === "operator" ? { authorization: `Bearer ${tokens[role]}` } : {}),
      "content-type": "application/json",
      prefer: "tx=rollback",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}
