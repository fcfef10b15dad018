// What clients may write and call, read from the database's catalogue.

import type { Sql } from "postgres";

export interface Column {
  name: string;
  /** As Postgres prints it, such as "text[]". */
  type: string;
  /** The values of an enum; empty for other types. */
  labels: string[];
  /** Whether signed-in people may insert or update it. */
  isInsertable: boolean;
  isUpdatable: boolean;
}

export interface Relation {
  name: string;
  key: string[];
  columns: Column[];
  isDeletable: boolean;
}

export interface ExposedFunction {
  name: string;
  arguments: Omit<Column, "isInsertable" | "isUpdatable">[];
}

/** The tables and views of the API that signed-in people may insert into, update or delete from. */
export async function readWritableRelations(sql: Sql): Promise<Relation[]> {
  const relations = await sql<Relation[]>`
    select
      c.relname as name, has_table_privilege('authenticated', c.oid, 'delete') as "isDeletable",
      coalesce(
        (
          select array_agg(a.attname::text order by a.attnum) from pg_index i
          join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
          where i.indrelid = c.oid and i.indisprimary
        ),
        '{id}'
      ) as key,
      (
        select json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, null),
          'labels', (select coalesce(json_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_enum e where e.enumtypid = a.atttypid),
          'isInsertable', has_column_privilege('authenticated', c.oid, a.attnum, 'insert'),
          'isUpdatable', has_column_privilege('authenticated', c.oid, a.attnum, 'update')
        ) order by a.attnum)
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      ) as columns
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and (
      has_any_column_privilege('authenticated', c.oid, 'insert') or has_any_column_privilege('authenticated', c.oid, 'update')
      or has_table_privilege('authenticated', c.oid, 'delete')
    )
    order by c.relname`;
  return [...relations];
}

/** The functions of the API that signed-in people may call. */
export async function readExposedFunctions(sql: Sql): Promise<ExposedFunction[]> {
  const functions = await sql<ExposedFunction[]>`
    select
      p.proname as name,
      (
        select coalesce(json_agg(json_build_object(
          'name', p.proargnames[u.position], 'type', format_type(u.type, null),
          'labels', (select coalesce(json_agg(e.enumlabel order by e.enumsortorder), '[]') from pg_enum e where e.enumtypid = u.type)
        ) order by u.position), '[]')
        from unnest(p.proargtypes::oid[]) with ordinality as u (type, position)
      ) as arguments
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype
      and has_function_privilege('authenticated', p.oid, 'execute')
    order by p.proname`;
  return [...functions];
}

/**
 * The errors that the row check of a table can raise for signed-in people, as nameProblem names them; none when it has no row check.
 * Those of a column that the service role alone writes are left out.
 */
export async function readRowCheckErrors(sql: Sql, { name, columns }: Relation): Promise<string[]> {
  const [check] = await sql<{ source: string }[]>`
    select p.prosrc as source from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where t.tgrelid in (to_regclass(${`public.${name}`}), to_regclass(${`private.${name}`})) and t.tgname = '_900_check_row'`;
  const problems = check?.source.matchAll(
    /private\.problem\('(\w+)', (?:'\{(?:"fields?": "([\w ]+)")?|jsonb_build_object\('field', '(\w+)')/g,
  );
  const isOfService = (field?: string) =>
    columns.some((column) => column.name === field && !column.isInsertable && !column.isUpdatable);
  return [...(problems ?? [])]
    .map(([, code = "", field, reference]) => ({ code, field: field ?? reference }))
    .filter(({ field }) => !isOfService(field))
    .map(({ code, field }) => nameProblem(code, field))
    .sort();
}

/** The name of a problem with a field: "code field". */
export function nameProblem(code: string, field?: unknown): string {
  return field === undefined ? code : `${code} ${field}`;
}
