// What a stranger is answered does not depend on rows hidden from them: every table, view and function is asked before and after
// hidden rows are added to every table, on a stack that no other test uses.

import { request as httpRequest } from "node:http";
import postgres from "postgres";
import { expect, it } from "vitest";
import { withTestStack } from "../../../scripts/test/stack.ts";
import { testEnvironment } from "../../../scripts/test/vitest.ts";
import type { ExposedFunction, Relation } from "../support/catalogue.ts";

/** Tables whose rows all users may read, so that none is hidden. */
const open = [
  "amenities",
  "cancellation_policies",
  "currencies",
  "exchange_rates",
  "notification_kinds",
  "profile_ratings",
  "profiles",
  "property_ratings",
  "time_zones",
];

/** Functions that are not asked: one publishes a number about rows that the caller cannot read, one deletes the caller. */
const unasked = ["host_response", "delete_account"];

/** The id of everything that is hidden. */
const hidden = "0a0a0a0a-0000-4000-8000-0000000000aa";

interface Table {
  name: string;
  columns: { name: string; type: string; labels: string[]; isNeeded: boolean }[];
  keys: string[][];
}

it("is the same before and after hidden rows are added", { timeout: 300_000 }, async () => {
  await withTestStack(async (config) => {
    const environment = testEnvironment(config);
    Object.assign(process.env, environment);
    // the support files read the environment when they are loaded
    const { signUp } = await import("../support/people.ts");
    const { readWritableRelations, readExposedFunctions } = await import("../support/catalogue.ts");
    const sql = postgres(environment.STAYBASE_DB_URL, { max: 1, onnotice: () => {} });
    const tables = await readTables(sql);
    const [stranger, writer] = await Promise.all([signUp("Stan"), signUp("Will")]);
    const tokenOf = async ({ client }: typeof stranger) =>
      (await client.auth.getSession()).data.session?.access_token ?? "";
    const asker = {
      url: environment.STAYBASE_API_URL,
      key: environment.STAYBASE_PUBLISHABLE_KEY,
      readers: [undefined, await tokenOf(stranger)],
      writer: await tokenOf(writer),
      relations: await readRelations(sql),
      writable: await readWritableRelations(sql),
      functions: (await readExposedFunctions(sql)).filter(({ name }) => !unasked.includes(name)),
    };
    try {
      const before = await askAll(asker);
      const counts = await countAll(sql, tables);
      await hideRows(sql, tables);
      const added = (await countAll(sql, tables)).map((count, index) => count - (counts[index] ?? 0));
      expect(added.every((count) => count >= 200)).toBe(true);
      const after = await askAll(asker);
      const faults = [...before].filter(([question, answer]) => after.get(question) !== answer);
      const shown = faults.map(([question, answer]) =>
        `${question}\n  ${answer}\n  ${after.get(question)}`.slice(0, 600),
      );
      expect(faults, shown.join("\n")).toEqual([]);
      expect(before.size).toBeGreaterThan(1_000);
    } finally {
      await sql.end();
    }
  });
});

/** The tables that some role of the API can read and in which rows can be hidden. */
async function readTables(sql: postgres.Sql): Promise<Table[]> {
  const tables = await sql<Table[]>`
    select
      c.oid::regclass::text as name,
      (
        select json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, null),
          'labels', (select coalesce(json_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_enum e where e.enumtypid = a.atttypid),
          'isNeeded', a.attnotnull and not a.atthasdef and a.attidentity = ''
        ) order by a.attnum)
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      ) as columns,
      (
        select coalesce(json_agg(k.names), '[]') from pg_index i cross join lateral (
          select json_agg(a.attname) as names from unnest(i.indkey::smallint[]) u join pg_attribute a on a.attrelid = c.oid and a.attnum = u
        ) k
        where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)
      ) as keys
    from pg_class c
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
      and (has_any_column_privilege('anon', c.oid, 'select') or has_any_column_privilege('authenticated', c.oid, 'select'))
    order by 1`;
  return tables.filter(({ name }) => !open.includes(name));
}

interface Readable {
  name: string;
  columns: { name: string; type: string; labels: string[] }[];
}

async function readRelations(sql: postgres.Sql): Promise<Readable[]> {
  const relations = await sql<Readable[]>`
    select c.relname as name, (
      select json_agg(json_build_object(
        'name', a.attname, 'type', format_type(a.atttypid, null),
        'labels', (select coalesce(json_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_enum e where e.enumtypid = a.atttypid)
      ) order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as columns
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
    order by 1`;
  return [...relations];
}

/** Inserts 300 rows into each table, without triggers, foreign keys and checks. The first has the id `hidden` in every column for ids. */
async function hideRows(sql: postgres.Sql, tables: Table[]): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica`;
    for (const { name, columns, keys } of tables) {
      const checks = await transaction<{ conname: string }[]>`
        select conname from pg_constraint where conrelid = ${name}::regclass and contype in ('c', 'x')`;
      for (const { conname } of checks)
        await transaction.unsafe(`alter table ${name} drop constraint ${conname}`);
      const isFree = (key: string) =>
        columns.some(
          (column) => column.name === key && column.labels.length === 0 && column.type !== "boolean",
        );
      const varied = keys.map((key) => key.findLast(isFree));
      const written = columns.filter(
        (column) => column.isNeeded || column.type === "uuid" || varied.includes(column.name),
      );
      const expressions = written.map((column) => valueFor(column, varied.includes(column.name)));
      await transaction.unsafe(
        `insert into ${name} (${written.map((column) => `"${column.name}"`).join(", ")}) overriding system value
         select ${expressions.join(", ")} from generate_series(0, 299) n`,
      );
    }
  });
  for (const { name } of tables) await sql.unsafe(`analyze ${name}`);
}

/** A value of a column as SQL over n. */
function valueFor({ type, labels }: Table["columns"][number], isVaried: boolean): string {
  if (labels.length > 0) return `'${labels[0]}'::${type}`;
  switch (type) {
    case "uuid":
      return isVaried ? `case when n = 0 then '${hidden}' else gen_random_uuid() end` : `'${hidden}'::uuid`;
    case "text":
      return isVaried ? "'x' || n" : "'x0'";
    case "smallint":
    case "integer":
    case "bigint":
    case "numeric":
    case "double precision":
      return isVaried ? "10000 + n" : "1";
    case "date":
      return "date '2030-01-01' + 2 * n";
    case "timestamp with time zone":
      return isVaried ? "timestamptz '2026-01-01' + n * interval '1 minute'" : "timestamptz '2026-01-01'";
    case "time without time zone":
      return "time '12:00'";
    case "interval":
      return "interval '1 day'";
    case "boolean":
      return "false";
    case "jsonb":
      return "'{}'";
    case "bytea":
      return "'x'";
    default:
      return type.endsWith("[]") ? "'{}'" : `null::${type}`;
  }
}

async function countAll(sql: postgres.Sql, tables: Table[]): Promise<number[]> {
  const counts: number[] = [];
  for (const { name } of tables) {
    const [row] = await sql.unsafe<{ count: number }[]>(`select count(*)::integer as count from ${name}`);
    counts.push(row?.count ?? 0);
  }
  return counts;
}

interface Asker {
  url: string;
  key: string;
  readers: (string | undefined)[];
  writer: string;
  relations: Readable[];
  writable: Relation[];
  functions: ExposedFunction[];
}

/** Asks everything, and returns the answers by their questions. */
async function askAll(asker: Asker): Promise<Map<string, string>> {
  const questions: [name: string, ask: () => Promise<string>][] = [];
  const ask = (
    token: string | undefined,
    method: string,
    path: string,
    headers: Record<string, string | string[]> = {},
    body?: unknown,
  ) =>
    questions.push([
      `${token === undefined ? "anon" : "person"} ${method} ${path} ${JSON.stringify(headers)}`,
      () => send(asker, token, method, path, headers, body),
    ]);
  for (const token of asker.readers) {
    for (const { name, columns } of asker.relations) {
      const path = `rest/v1/${name}?select=${columns[0]?.name}`;
      for (const prefer of [
        "count=exact",
        "count=planned",
        "count=estimated",
        ["count=planned", "return=minimal"],
      ])
        ask(token, "HEAD", path, { prefer });
      ask(token, "GET", `${path}&limit=1&offset=1`, { prefer: "count=exact" });
      ask(token, "GET", path, { prefer: "count=exact", range: "1-1" });
      for (const column of columns) {
        const value = probeOf(column);
        // the first of two Prefer headers is the one that PostgREST obeys
        if (value !== undefined && token !== undefined)
          ask(token, "GET", `${path}&${column.name}=eq.${value}`, {
            prefer: ["count=planned", "return=minimal"],
          });
      }
      const collection = `${name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())}Collection`;
      const query = `{ ${collection}(first: 2) { totalCount pageInfo { hasNextPage endCursor } edges { node { nodeId } } } }`;
      ask(token, "POST", "graphql/v1", { "x-asks": name }, { query });
    }
    for (const called of asker.functions) {
      const body = Object.fromEntries(called.arguments.map((argument) => [argument.name, probeOf(argument)]));
      ask(token, "POST", `rest/v1/rpc/${called.name}`, { prefer: "count=exact" }, body);
    }
  }
  for (const { name, key, columns } of asker.writable) {
    const sent = columns.filter(({ isInsertable, isUpdatable }) => isInsertable || isUpdatable);
    const row = Object.fromEntries(sent.map((column) => [column.name, probeOf(column)]));
    const path = `rest/v1/${name}?${key.map((column) => `${column}=eq.${hidden}`).join("&")}`;
    ask(asker.writer, "POST", `rest/v1/${name}`, {}, row);
    ask(asker.writer, "PATCH", path, { prefer: "count=exact" }, row);
    ask(asker.writer, "DELETE", path, { prefer: "count=exact" });
  }
  const answers = new Map<string, string>();
  const lanes = Array.from({ length: 4 }, async () => {
    for (let next = questions.shift(); next !== undefined; next = questions.shift())
      answers.set(next[0], await next[1]());
  });
  await Promise.all(lanes);
  return answers;
}

/** The value that hidden rows have in a column or argument of this type. */
function probeOf({ type, labels }: { type: string; labels: string[] }): string | undefined {
  if (labels.length > 0) return labels[0];
  const probes: Record<string, string> = {
    uuid: hidden,
    text: "x0",
    smallint: "1",
    integer: "1",
    bigint: "1",
    numeric: "1",
    boolean: "false",
    date: "2030-01-01",
    "timestamp with time zone": "2026-01-01T00:00:00Z",
  };
  return probes[type];
}

/** Sends each value of a header in a line of its own. Times and new ids in the answer are left out. */
function send(
  { url, key }: Asker,
  token: string | undefined,
  method: string,
  path: string,
  headers: Record<string, string | string[]>,
  body: unknown,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${url}/${path}`,
      {
        method,
        headers: {
          apikey: key,
          "content-type": "application/json",
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () =>
          resolve(
            `${response.statusCode} ${response.headers["content-range"] ?? ""} ${text.replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.+Z]+/g, "<time>")}`,
          ),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
