// How SQL names become GraphQL names, with and without inflection, and where a directive overrides them.

import type { Column, DbFunction, DbSchema, DbType, ForeignKey, Table } from "./catalogue.ts";

/** Upper-cases the first letter and each letter after a sign, and drops underscores: `listing_photos` → `ListingPhotos`. */
const pascal = (name: string): string =>
  name.replace(/(?<![\p{L}\p{N}])./gsu, (letter) => letter.toUpperCase()).replaceAll("_", "");

const lowerFirst = (name: string): string => {
  const [first = ""] = name;
  return first.toLowerCase() + name.slice(first.length);
};

const inflected = (name: string, schema: DbSchema | undefined): string =>
  schema?.inflect ? pascal(name) : name;

/** The type of a table's rows. */
export const tableName = (table: Table): string =>
  table.directives.name ?? inflected(table.name, table.schema);

/** The stem of a table's root fields: `listings` in `listingsCollection` and `listingsByPk`. */
export const tableFieldName = (table: Table): string => lowerFirst(tableName(table));

/** The field of a column. */
export function columnName(column: Column, schema: DbSchema): string {
  return column.directives.name ?? (schema.inflect ? lowerFirst(pascal(column.name)) : column.name);
}

/** The type of an enum. */
export const enumName = (type: DbType, schema: DbSchema | undefined): string =>
  type.directives.name ?? inflected(type.name, schema);

/** The field of a function; one leading underscore marks it as computed and is left out. */
export const functionName = (fn: DbFunction): string =>
  fn.directives.name ?? lowerFirst(inflected(fn.name.replace(/^_/, ""), fn.schema));

/** An argument of a function. */
export const argumentName = (name: string, fn: DbFunction): string => lowerFirst(inflected(name, fn.schema));

/** The field that leads from a row to the one it refers to. */
export const foreignName = (key: ForeignKey): string =>
  key.foreignName ?? singular(key.foreign, key.localColumns);

/** The field that leads from a row to those that refer to it, or to the only one that can. */
export function localName(key: ForeignKey, isUnique: boolean): string {
  if (key.localName !== null) return key.localName;
  return isUnique ? singular(key.local, key.foreignColumns) : `${tableFieldName(key.local)}Collection`;
}

/** `host_id` (inflected) or `hostId` (not) gives `host`; otherwise the table gives its name. */
function singular(table: Table, columns: string[]): string {
  const suffix = table.schema.inflect ? "_id" : "Id";
  const [only, ...more] = columns;
  if (only === undefined || more.length > 0 || !only.endsWith(suffix)) return tableFieldName(table);
  return lowerFirst(inflected(only.slice(0, -suffix.length), table.schema));
}
