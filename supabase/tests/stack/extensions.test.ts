// The extensions of the embedded stack, where their versions or programs differ from those of hosted Supabase: our SQL uses only what
// both have, and stand-ins have the interface and the privileges of the genuine ones.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { database } from "../support/database.ts";

const sql = database();
afterAll(() => sql.end());

const sources = globSync(["supabase/migrations/*.sql", "supabase/functions/**/*.ts", "supabase/seed.sql"], {
  cwd: projectRoot,
}).map((file) => readFileSync(join(projectRoot, file), "utf8"));

it("uses of pgmq what hosted Supabase's version 1.5.1 has", () => {
  const used = sources.flatMap((text) => [...text.matchAll(/\bpgmq\.([a-z_]+)\(/g)].map(([, name]) => name));
  expect([...new Set(used)].sort()).toEqual(["create", "metrics", "read", "send"]);
});

it("has the functions of pg_net 0.20.4, which the caller runs with own privileges", async () => {
  const functions = await sql<{ signature: string }[]>`
    select format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), p.prosecdef) as signature
    from pg_proc p where p.pronamespace = 'net'::regnamespace and p.proname like 'http\_%' order by 1`;
  expect(functions.map(({ signature }) => signature)).toEqual([
    "http_delete(url text, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{}'::jsonb, timeout_milliseconds integer DEFAULT 5000, body jsonb DEFAULT NULL::jsonb) f",
    "http_get(url text, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{}'::jsonb, timeout_milliseconds integer DEFAULT 5000) f",
    `http_post(url text, body jsonb DEFAULT '{}'::jsonb, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{"Content-Type": "application/json"}'::jsonb, timeout_milliseconds integer DEFAULT 5000) f`,
  ]);
});

it("leaves net to the administrator, who lets PUBLIC use it", async () => {
  const [net] = await sql`
    select pg_get_userbyid(nspowner) as owner, has_schema_privilege('anon', oid, 'usage') as usage,
      has_function_privilege('anon', 'net.http_post(text, jsonb, jsonb, jsonb, integer)', 'execute') as execute,
      has_table_privilege('anon', 'net.http_request_queue', 'insert') as insert
    from pg_namespace where nspname = 'net'`;
  expect(net).toEqual({ owner: "supabase_admin", usage: true, execute: true, insert: true });
  const revoke = sql.begin(async (tx) => {
    await tx`set local role postgres`;
    await tx`revoke all on schema net from public, anon, authenticated`;
    return tx`select has_schema_privilege('anon', 'net', 'usage') as usage`;
  });
  expect(await revoke).toEqual([{ usage: true }]);
});
