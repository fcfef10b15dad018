// The database objects that the current role can use, read with one query and linked to each other.

import { readFileSync } from "node:fs";
import {
  type Directives,
  described,
  isEnabled,
  list,
  mappings,
  optional,
  rowLimit,
  string,
  text,
  texts,
} from "./directives.ts";
import type { Run } from "./sql.ts";

const CATALOGUE = readFileSync(new URL("./catalogue.sql", import.meta.url), "utf8");

export interface DbSchema {
  oid: number;
  name: string;
  inflect: boolean;
  introspection: boolean;
  maxRows: number;
}

export interface Column {
  name: string;
  /** Oid of the type. */
  type: number;
  /** SQL name of the type with its modifier, such as `character varying(255)`. */
  typeName: string;
  maxLength: number | null;
  notNull: boolean;
  generated: boolean;
  serial: boolean;
  selectable: boolean;
  insertable: boolean;
  updatable: boolean;
  directives: { name: string | null; description: string | null };
}

export interface Table {
  oid: number;
  name: string;
  schema: DbSchema;
  rowType: number;
  rls: boolean;
  columns: Column[];
  uniqueKeys: string[][];
  /** Columns of the primary key, or of the key in a directive; empty when there is none. */
  key: Column[];
  selectable: boolean;
  deletable: boolean;
  maxRows: number;
  directives: { name: string | null; description: string | null; totalCount: boolean; aggregate: boolean };
}

export interface ForeignKey {
  local: Table;
  localColumns: string[];
  foreign: Table;
  foreignColumns: string[];
  localName: string | null;
  foreignName: string | null;
  /** Whether RLS may hide the referenced rows from the caller. */
  mayBeHidden: boolean;
}

export interface DbType {
  oid: number;
  schema: number;
  name: string;
  category: "array" | "enum" | "composite" | "table" | "other";
  element: number | null;
  table: number | null;
  usable: boolean;
  labels: string[] | null;
  directives: { name: string | null; mappings: Map<string, string> };
}

export interface DbFunction {
  name: string;
  schema: DbSchema;
  returns: number;
  set: boolean;
  volatile: boolean;
  variadic: boolean;
  argTypes: number[];
  argTypeNames: string[];
  argNames: string[] | null;
  defaults: string | null;
  defaultCount: number;
  executable: boolean;
  directives: { name: string | null; description: string | null };
}

export interface Catalogue {
  schemas: Map<number, DbSchema>;
  types: Map<number, DbType>;
  tables: Map<number, Table>;
  foreignKeys: ForeignKey[];
  functions: DbFunction[];
}

/** A row of the query: references are oids, directives are unchecked JSON. */
type Raw<T, Linked extends keyof T> = Omit<T, Linked | "directives"> & { directives: Directives };
interface CatalogueRow {
  schemas: { oid: number; name: string; directives: Directives; maxRows: number | null }[];
  types: Raw<DbType, never>[];
  tables: (Raw<Table, "schema" | "key" | "uniqueKeys" | "maxRows"> & {
    schemaOid: number;
    indexes: { columns: string[]; unique: boolean; primary: boolean }[];
    maxRows: number | null;
  })[];
  foreign_keys: {
    local: number;
    localColumns: string[];
    foreign: number;
    foreignColumns: string[];
    directives: Directives;
  }[];
  functions: (Raw<DbFunction, "schema"> & { schemaOid: number })[];
}

/** Default and maximum page size without a directive `max_rows`. */
const DEFAULT_MAX_ROWS = 30;

/**
 * Reads the catalogue with the privileges of the current role, in the schemas of the search path.
 * @throws DocumentError for a directive of the wrong type
 */
export async function loadCatalogue(run: Run): Promise<Catalogue> {
  const [row] = (await run(CATALOGUE, [])) as unknown as [CatalogueRow];

  const schemas = new Map<number, DbSchema>();
  for (const { oid, name, directives, maxRows } of row.schemas) {
    schemas.set(oid, {
      oid,
      name,
      inflect: directives.inflect_names === true,
      introspection: directives.introspection === true,
      maxRows: rowLimit(maxRows) ?? DEFAULT_MAX_ROWS,
    });
  }
  const schemaOf = (oid: number) => schemas.get(oid) as DbSchema;

  const types = new Map<number, DbType>();
  for (const { directives, ...type } of row.types) {
    const names = optional(directives.mappings, mappings) ?? new Map();
    types.set(type.oid, { ...type, directives: { name: text(directives.name), mappings: names } });
  }

  const tables = new Map<number, Table>();
  for (const { directives, indexes, schemaOid, ...table } of row.tables) {
    const schema = schemaOf(schemaOid);
    const columns = table.columns.map((column) => ({ ...column, directives: described(column.directives) }));
    const keyNames =
      indexes.find((index) => index.primary)?.columns ??
      optional(directives.primary_key_columns, texts) ??
      [];
    const key = keyNames.flatMap((name) => columns.find((column) => column.name === name) ?? []);
    tables.set(table.oid, {
      ...table,
      schema,
      columns,
      uniqueKeys: indexes.filter((index) => index.unique).map((index) => index.columns),
      key: key.length === keyNames.length ? key : [],
      maxRows: rowLimit(table.maxRows) ?? schema.maxRows,
      directives: {
        ...described(directives),
        totalCount: isEnabled(directives.totalCount),
        aggregate: isEnabled(directives.aggregate),
      },
    });
  }

  const foreignKeys = row.foreign_keys.map((key): ForeignKey => {
    const foreign = tables.get(key.foreign) as Table;
    return {
      local: tables.get(key.local) as Table,
      localColumns: key.localColumns,
      foreign,
      foreignColumns: key.foreignColumns,
      localName: text(key.directives.local_name),
      foreignName: text(key.directives.foreign_name),
      mayBeHidden: foreign.rls,
    };
  });
  for (const { oid, directives } of row.tables) {
    for (const key of optional(directives.foreign_keys, list<Directives>) ?? []) {
      foreignKeys.push(...declaredKey(tables, tables.get(oid) as Table, key));
    }
  }

  const functions = row.functions.map(({ directives, schemaOid, ...fn }): DbFunction => {
    const { name, description } = directives;
    return {
      ...fn,
      schema: schemaOf(schemaOid),
      directives: { name: text(name), description: text(description) },
    };
  });

  return { schemas, types, tables, foreignKeys: foreignKeys.filter(isSelectable), functions };
}

/** A foreign key declared in a table's comment, for views and other relations without real ones. */
function declaredKey(tables: Map<number, Table>, local: Table, key: Directives): ForeignKey[] {
  const schema = string(key.foreign_schema, "foreign_schema");
  const name = string(key.foreign_table, "foreign_table");
  const localColumns = texts(key.local_columns, "local_columns");
  const foreignColumns = texts(key.foreign_columns, "foreign_columns");
  const foreign = tables.values().find((table) => table.schema.name === schema && table.name === name);
  if (!foreign) return [];
  return [
    {
      local,
      localColumns,
      foreign,
      foreignColumns,
      localName: optional(key.local_name, string),
      foreignName: optional(key.foreign_name, string),
      mayBeHidden: local.rls,
    },
  ];
}

/** Whether the role may read both sides; otherwise the relation would reveal hidden rows. */
function isSelectable(key: ForeignKey): boolean {
  const readable = (table: Table, names: string[]) =>
    names.every((name) => table.columns.some((column) => column.name === name && column.selectable));
  return readable(key.local, key.localColumns) && readable(key.foreign, key.foreignColumns);
}
