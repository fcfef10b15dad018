// The extensions of the embedded stack, where their versions or programs differ from those of hosted Supabase: our SQL uses only what
// both have, and stand-ins have the interface and the privileges of the genuine ones.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { database } from "../support/database.ts";

const sql = database();
afterAll(() => sql.end());

const sources = globSync(["supabase/migrations/*.sql", "supabase/functions/**/*.ts", "supabase/seed.sql"], {
  cwd: projectRoot,
}).map((file) => readFileSync(join(projectRoot, file), "utf8"));

/**
 * What our SQL uses of pgmq, as version 1.5.1 of hosted Supabase has it: the functions by the number of arguments of our calls, and the
 * columns of their results and of the tables of queues. https://github.com/pgmq/pgmq/blob/v1.5.1/pgmq-extension/sql/pgmq.sql
 */
const pgmq151 = {
  functions: {
    "create/1": ["pgmq.create(text)"],
    "metrics/1": ["pgmq.metrics(text)"],
    "send/2": ["pgmq.send(text,jsonb)"],
    "send/3": [
      "pgmq.send(text,jsonb,jsonb)",
      "pgmq.send(text,jsonb,integer)",
      "pgmq.send(text,jsonb,timestamp with time zone)",
    ],
    "send/4": ["pgmq.send(text,jsonb,jsonb,integer)", "pgmq.send(text,jsonb,jsonb,timestamp with time zone)"],
  },
  columns: {
    metrics: [
      ...["queue_name", "queue_length", "newest_msg_age_sec", "oldest_msg_age_sec", "total_messages"],
      ...["scrape_time", "queue_visible_length"],
    ],
    queue: ["msg_id", "read_ct", "enqueued_at", "vt", "message", "headers"],
  },
};

/** The number of arguments of a call whose text begins after its opening parenthesis. */
function countArguments(text: string): number {
  let depth = 0;
  let count = 1;
  for (const [part] of text.matchAll(/'(?:[^']|'')*'|[(),]/g)) {
    if (part === ")" && depth === 0) break;
    if (part === "(") depth += 1;
    if (part === ")") depth -= 1;
    if (part === "," && depth === 0) count += 1;
  }
  return count;
}

const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)];

describe("pgmq, as hosted Supabase's version 1.5.1 has it", () => {
  it("is called by its functions, which resolve here to the same ones", async () => {
    const calls = sources.flatMap((text) =>
      found(text, /\bpgmq\.([a-z_]+)\(/g).map(
        (call) => `${call[1]}/${countArguments(text.slice(call.index + call[0].length))}`,
      ),
    );
    expect([...new Set(calls)].sort()).toEqual(Object.keys(pgmq151.functions));
    const expected = Object.values(pgmq151.functions).flat().sort();
    const here = await sql<{ name: string }[]>`
      select format('%s.%s(%s)', pronamespace::regnamespace, proname, oidvectortypes(proargtypes)) as name
      from pg_proc where pronamespace = 'pgmq'::regnamespace`;
    const names = here.map(({ name }) => name.replaceAll(", ", ","));
    expect(names.filter((name) => expected.includes(name)).sort()).toEqual(expected);
  });

  it("gives the columns that are read of its answers and queues", () => {
    const text = sources.join("\n");
    const records = [
      ...found(text, /\bselect\b[^;]*? pgmq\.(metrics)\([^;]*?\) (\w+)\b[^;]*;/g).map(reversed),
      ...found(text, /\bselect\b[^;]*? pgmq\.(q)_\w+ (\w+)\b[^;]*;/g).map(reversed),
    ];
    const used = records.flatMap(([block, alias, source]) =>
      found(block as string, new RegExp(`\\b${alias}\\.(\\w+)`, "g")).map(
        ([, column]) => `${source === "q" ? "queue" : source}.${column}`,
      ),
    );
    const known = Object.entries(pgmq151.columns).flatMap(([of, names]) =>
      names.map((name) => `${of}.${name}`),
    );
    expect(new Set(used.map((column) => column.split(".")[0]))).toEqual(new Set(["metrics", "queue"]));
    expect([...new Set(used)].filter((column) => !known.includes(column))).toEqual([]);
  });

  it("has queues in which our statements find their columns", async () => {
    const statements = sources.flatMap((text) =>
      found(
        text,
        /format\(\s*'((?:with|select|update|delete)\b(?:[^']|'')*\bpgmq\.%(?:1\$)?I\b(?:[^']|'')*)'/g,
      ),
    );
    expect(statements.length).toBeGreaterThan(7);
    await sql
      .begin(async (tx) => {
        await tx`create temporary table q_shaped (msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz,
          message jsonb, headers jsonb)`;
        for (const [position, [, statement]] of statements.entries())
          await tx.unsafe(
            `prepare s${position} as ${statement?.replaceAll(/pgmq\.%(?:1\$)?I/g, "pg_temp.q_shaped")}`,
          );
        throw new RolledBack();
      })
      .catch((error) => {
        if (!(error instanceof RolledBack)) throw error;
      });
  });
});

class RolledBack extends Error {}

/** The alias before the source. */
const reversed = ([block, source, alias]: string[]) => [block, alias, source];

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
