// Paging and order of a collection: validates the arguments and turns them into SQL.

import type { Column, Table } from "./catalogue.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { decodeToken } from "./filters.ts";
import { argument, type Plan } from "./plan.ts";
import { ident, token } from "./sql.ts";
import type { Field } from "./types.ts";
import type { Value } from "./values.ts";

export interface Order {
  column: Column;
  ascending: boolean;
  nullsFirst: boolean;
}

export interface Page {
  /** The number of rows, at most the table's `max_rows`. */
  limit: bigint;
  offset: bigint;
  /** Whether the page is read from the end (`last`, `before`). */
  backward: boolean;
  /** Values of the order columns in the row after which the page starts. */
  cursor: Value[] | null;
  order: Order[];
}

/** Reads `first`, `last`, `before`, `after`, `offset` and `orderBy`. */
export function readPage(plan: Plan, table: Table, field: Field, selected: Selected): Page {
  const count = (name: string): bigint | null => {
    const value = argument(plan, field, selected, name);
    if (typeof value !== "bigint") return null;
    if (value < 0n) throw new GraphqlError(`\`${name}\` must be an unsigned integer`);
    return value;
  };
  const cursor = (name: string): Value[] | null => {
    const value = argument(plan, field, selected, name);
    if (typeof value !== "string") return null;
    return decodeToken(value, (error) => {
      const number = { base64: 1, utf8: 2, json: 3, array: 4 }[error];
      return `Failed to decode cursor, error ${number}`;
    });
  };

  const [first, last, offset] = [count("first"), count("last"), count("offset")];
  const [before, after] = [cursor("before"), cursor("after")];
  if (first !== null && last !== null) refuse('only one of "first" and "last" may be provided');
  if (before && after) refuse('only one of "before" and "after" may be provided');
  if (first !== null && before) refuse('"first" may only be used with "after"');
  if (last !== null && after) refuse('"last" may only be used with "before"');
  if (offset !== null && (last !== null || before)) {
    refuse('"offset" may only be used with "first" and "after"');
  }

  const most = BigInt(table.maxRows);
  const wanted = first ?? last ?? most;
  return {
    limit: wanted < most ? wanted : most,
    offset: offset ?? 0n,
    backward: last !== null || before !== null,
    cursor: before ?? after,
    order: readOrder(plan, table, argument(plan, field, selected, "orderBy")),
  };
}

function refuse(message: string): never {
  throw new GraphqlError(message);
}

/** The requested order, followed by the key, because pages are only stable in a total order. */
function readOrder(plan: Plan, table: Table, orderBy: Value): Order[] {
  const inputs = plan.schema.of(table).orderBy.inputs;
  const wanted = Array.isArray(orderBy) ? orderBy : [];
  const orders = wanted.flatMap((item) =>
    [...(item as Map<string, Value>)].flatMap(([name, direction]): Order[] => {
      if (typeof direction !== "string") return [];
      const column = inputs?.get(name)?.target as Column;
      return [{ column, ascending: direction.startsWith("Asc"), nullsFirst: direction.endsWith("First") }];
    }),
  );
  return [...orders, ...table.key.map((column) => ({ column, ascending: true, nullsFirst: false }))];
}

/** The opposite order. */
export const reversed = (order: readonly Order[]): Order[] =>
  order.map(({ column, ascending, nullsFirst }) => ({
    column,
    ascending: !ascending,
    nullsFirst: !nullsFirst,
  }));

/** The list of an `order by` clause for rows with the alias `block`. */
export const orderSql = (order: readonly Order[], block: string): string =>
  order
    .map(({ column, ascending, nullsFirst }) => {
      const nulls = nullsFirst ? "first" : "last";
      return `${block}.${ident(column.name)} ${ascending ? "asc" : "desc"} nulls ${nulls}`;
    })
    .join(", ");

/** SQL of the cursor of a row with the alias `block`. */
export const cursorSql = (order: readonly Order[], block: string): string =>
  token(order.map(({ column }) => `to_jsonb(${block}.${ident(column.name)})`));

/**
 * The condition that a row with the alias `block` comes after the cursor in the given order. Nulls are treated as in pg_graphql, which
 * misses some rows.
 */
export function afterCursorSql(
  plan: Plan,
  order: readonly Order[],
  cursor: readonly Value[],
  block: string,
): string {
  if (cursor.length > order.length) refuse("orderBy clause incompatible with pagination cursor");
  return cursor.reduceRight<string>((rest, value, i) => {
    const { column, ascending, nullsFirst } = order[i] as Order;
    const own = `${block}.${ident(column.name)}`;
    const other = plan.statement.value(value, column.typeName);
    const beyond = `${own} ${ascending ? ">" : "<"} ${other}`;
    const beyondNull = nullsFirst ? ` or (${own} is not null and ${other} is null)` : "";
    return `(${beyond}${beyondNull} or ((${own} = ${other} or (${own} is null and ${other} is null)) and ${rest}))`;
  }, "false");
}
