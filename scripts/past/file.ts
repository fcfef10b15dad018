// The file of the past: the rows that it adds to a database with the seed and the columns of the seed's rows that it changes, as COPY text,
// and the books of the Stripe emulator. Rows of the plain seed are not in it, so the seed can change without it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { Sql } from "postgres";
import { projectRoot } from "../lib/config.ts";

/** Rows of a table as COPY text. */
interface Rows {
  /** Qualified and quoted. */
  table: string;
  columns: string[];
  /** The columns that find the row to change; none for new rows. */
  key: string[];
  text: string;
}

export interface PastFile {
  /** The end of this past, in milliseconds since 1970, at midnight in UTC. */
  until: number;
  rows: Rows[];
  /** The last value of each sequence that was used. */
  sequences: { name: string; value: number }[];
  /** The emulator's objects, as JSON. */
  books: string;
}

const path = join(projectRoot, "supabase/seed/past.json.gz");

/** Stands in the file for the id of the installation, which the books name and each database has for itself. */
export const installation = "00000000-0000-4000-8000-000000000000";

export async function installationOf(sql: Sql): Promise<string> {
  const [row] = await sql<
    { value: string }[]
  >`select value from private.settings where name = 'installation'`;
  if (row === undefined) throw new Error("the database has no id of its installation");
  return row.value;
}

export function readPastFile(): PastFile {
  return JSON.parse(gunzipSync(readFileSync(path)).toString()) as PastFile;
}

export function writePastFile(file: PastFile): number {
  const packed = gzipSync(JSON.stringify(file), { level: 9 });
  writeFileSync(path, packed);
  return packed.length;
}

/** Keeps a copy of every table, with which `readChanges` compares. */
export async function rememberTables(sql: Sql): Promise<void> {
  await sql`create schema before`;
  for (const { table, copy } of await tables(sql)) await sql.unsafe(`create table ${copy} as table ${table}`);
  await sql`create table before.sequences as select schemaname, sequencename, last_value from pg_sequences`;
}

/** What has changed since `rememberTables`. @throws when rows of the seed are gone */
export async function readChanges(sql: Sql): Promise<Pick<PastFile, "rows" | "sequences">> {
  const rows: Rows[] = [];
  for (const { table, copy, key, columns } of await tables(sql)) {
    const same = key.map((column) => `t.${column} = b.${column}`).join(" and ");
    const by = `order by ${key.map((column) => `t.${column}`).join(", ")}`;
    const [gone] = await sql.unsafe(
      `select 1 from ${copy} b where not exists (select from ${table} t where ${same})`,
    );
    if (gone !== undefined) throw new Error(`the past deleted rows of ${table}`);
    const list = columns.map((column) => `t.${column}`).join(", ");
    const added = await copyText(
      sql,
      `select ${list} from ${table} t where not exists (select from ${copy} b where ${same}) ${by}`,
    );
    if (added !== "") rows.push({ table, columns, key: [], text: added });

    const differs = (column: string) => `t.${column}::text is distinct from b.${column}::text`;
    const [found] = await sql.unsafe<{ changed: string[] }[]>(`
      select array_remove(array[${columns.map((column) => `case when bool_or(${differs(column)}) then '${column}' end`).join(", ")}], null)
        as changed
      from ${table} t join ${copy} b on ${same}`);
    const changed = found?.changed ?? [];
    if (changed.length === 0) continue;
    const text = await copyText(
      sql,
      `select ${[...key, ...changed].map((column) => `t.${column}`).join(", ")} from ${table} t join ${copy} b on ${same}
       where ${changed.map(differs).join(" or ")} ${by}`,
    );
    rows.push({ table, columns: [...key, ...changed], key, text });
  }
  const sequences = await sql<{ name: string; value: number }[]>`
    select format('%I.%I', s.schemaname, s.sequencename) as name, s.last_value::float8 as value
    from pg_sequences s left join before.sequences b using (schemaname, sequencename)
    where s.last_value is distinct from b.last_value and s.schemaname = any (${schemas}) order by 1`;
  return { rows, sequences: [...sequences] };
}

const schemas = ["public", "private", "auth"];

/** The tables with a primary key; `columns` are those that are stored. */
function tables(sql: Sql): Promise<{ table: string; copy: string; key: string[]; columns: string[] }[]> {
  return sql`
    select
      format('%I.%I', c.relnamespace::regnamespace, c.relname) as table,
      format('before.%I', c.relnamespace::regnamespace || '.' || c.relname) as copy,
      array(
        select quote_ident(a.attname) from unnest(i.indkey) with ordinality k (attnum, n)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum order by k.n
      ) as key,
      array(
        select quote_ident(a.attname) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum
      ) as columns
    from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relkind = 'r' and c.relnamespace = any (${schemas}::regnamespace[]) order by 1` as never;
}

async function copyText(sql: Sql, query: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await sql.unsafe(`copy (${query}) to stdout`).readable())
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
