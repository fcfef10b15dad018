// GraphQL names of SQL objects, with and without inflection, and from directives.

import type { Column, DbFunction, DbSchema, DbType, ForeignKey, Table } from "./catalogue.ts";

/** Converts to Pascal case: `listing_photos` → `ListingPhotos`. */
const pascal = (name: string): string =>
  name.replace(/(?<![\p{L}\p{N}])./gsu, (letter) => letter.toUpperCase()).replaceAll("_", "");

const lowerFirst = (name: string): string => {
  const [first = ""] = name;
  return first.toLowerCase() + name.slice(first.length);
};

const inflected = (name: string, schema: DbSchema | undefined): string =>
  schema?.inflect ? pascal(name) : name;

/** The name of a table's type. */
export const tableName = (table: Table): string =>
  table.directives.name ?? inflected(table.name, table.schema);

/** The prefix of a table's root fields: `listings` in `listingsCollection` and `listingsByPk`. */
export const tableFieldName = (table: Table): string => lowerFirst(tableName(table));

/** The name of a column's field. */
export function columnName(column: Column, schema: DbSchema): string {
  return column.directives.name ?? (schema.inflect ? lowerFirst(pascal(column.name)) : column.name);
}

/** The name of an enum's type. */
export const enumName = (type: DbType, schema: DbSchema | undefined): string =>
  type.directives.name ?? inflected(type.name, schema);

/** The name of a function's field. A leading underscore, which marks computed fields, is removed. */
export const functionName = (fn: DbFunction): string =>
  fn.directives.name ?? lowerFirst(inflected(fn.name.replace(/^_/, ""), fn.schema));

/** The name of a function's argument. */
export const argumentName = (name: string, fn: DbFunction): string => lowerFirst(inflected(name, fn.schema));

/** The name of the field for the row that a foreign key refers to. */
export const foreignName = (key: ForeignKey): string =>
  key.foreignName ?? singular(key.foreign, key.localColumns);

/** The name of the field for the rows that refer to a row, or for the only row when the key is unique. */
export function localName(key: ForeignKey, isUnique: boolean): string {
  if (key.localName !== null) return key.localName;
  return isUnique ? singular(key.local, key.foreignColumns) : `${tableFieldName(key.local)}Collection`;
}

/** `host` for the column `host_id` (with inflection) or `hostId` (without); otherwise the name of the table. */
function singular(table: Table, columns: string[]): string {
  const suffix = table.schema.inflect ? "_id" : "Id";
  const [only, ...more] = columns;
  if (only === undefined || more.length > 0 || !only.endsWith(suffix)) return tableFieldName(table);
  return lowerFirst(inflected(only.slice(0, -suffix.length), table.schema));
}
