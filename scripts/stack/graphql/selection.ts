// Selections as SQL: the JSON object of a row, and that of a collection. The two contain each other.

import { aggregateSql } from "./aggregates.ts";
import type { DbFunction, Table } from "./catalogue.ts";
import { asGraphql, columnSql } from "./columns.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { filterSql } from "./filters.ts";
import { type Collection, pageInfoSql, readingOrder } from "./page-info.ts";
import { afterCursorSql, cursorSql, orderSql, readPage } from "./paging.ts";
import { argument, onlyArguments, type Plan } from "./plan.ts";
import { ident, jsonObject, literal, qualified, token } from "./sql.ts";
import type { Field, Join, NamedType, Returns } from "./types.ts";

/**
 * SQL of the object that a selection makes of a row named `block`. As in pg_graphql, it is empty when nothing is selected, and
 * Postgres refuses the statement.
 * @param unknown writes the error message for a field that the row does not have
 */
export function rowSql(
  plan: Plan,
  table: Table,
  selected: Selected,
  block: string,
  unknown = unknownField,
): string {
  const { node } = plan.schema.of(table);
  const pairs = plan.document.select(selected, node.name).map((selection): [string, string] => {
    if (selection.name === "__typename") return [selection.key, literal(node.name)];
    const field = node.fields?.get(selection.name);
    if (!field) throw new GraphqlError(unknown(selection.name, node.name));
    return [selection.key, fieldSql(plan, table, field, selection, block)];
  });
  return pairs.length === 0 ? "" : jsonObject(pairs);
}

/** SQL of the object of a row that a function or a key at the root answers. */
export const rootRowSql = (...args: Parameters<typeof rowSql>): string => rowSql(...args) || jsonObject([]);

const unknownField = (name: string, type: string): string => `Unknown field '${name}' on type '${type}'`;

function fieldSql(plan: Plan, table: Table, field: Field, selected: Selected, block: string): string {
  const { source } = field;
  switch (source?.kind) {
    case "column":
      return asGraphql(columnSql(plan, source.column, block), source.column.type);
    case "nodeId": {
      const key = table.key.map((column) => `${block}.${ident(column.name)}`);
      return token([literal(table.schema.name), literal(table.name), ...key]);
    }
    case "one": {
      onlyArguments(selected, []);
      const related = plan.statement.block();
      const object = rowSql(plan, source.table, selected, related);
      return `(select ${object} from ${qualified(source.table)} as ${related} where ${joinSql(source.join, related, block)})`;
    }
    case "many":
      return collectionSql(plan, field, selected, {
        table: source.table,
        from: qualified(source.table),
        condition: (related) => joinSql(source.join, related, block),
      });
    case "function": {
      const call = `${qualified(source.fn)}(${block}::${qualified(table)})`;
      return functionSql(plan, field, selected, { ...source, call });
    }
    default:
      throw new GraphqlError(`unexpected field type on node ${field.name}`);
  }
}

/** The call of a function, and what selects a row that it returns. */
interface Call {
  fn: DbFunction;
  returns: Returns;
  call: string;
  row?: typeof rowSql;
}

/** SQL of the answer of a function. */
export function functionSql(
  plan: Plan,
  field: Field,
  selected: Selected,
  { fn, returns, call, row: rowObject = rowSql }: Call,
): string {
  if (returns.kind === "value") return asGraphql(call, fn.returns);
  if (returns.kind === "rows") {
    return collectionSql(plan, field, selected, { table: returns.table, from: call });
  }
  onlyArguments(selected, field.args);
  const row = plan.statement.block();
  const object = rowObject(plan, returns.table, selected, row);
  // A function that finds nothing returns a row of nulls.
  return `(select ${object} from ${call} as ${row} where not (${row} is null))`;
}

const joinSql = (join: Join, related: string, own: string): string =>
  join.map(([theirs, ours]) => `${related}.${ident(theirs)} = ${own}.${ident(ours)}`).join(" and ");

/** Where a collection's rows come from: a table or a function, and the condition that joins them to the enclosing row. */
export interface Rows {
  table: Table;
  from: string;
  condition?: (block: string) => string;
}

/** SQL of a collection's object, as a scalar subquery. */
export function collectionSql(plan: Plan, field: Field, selected: Selected, rows: Rows): string {
  const collection = readCollection(plan, field, selected, rows);
  const { connection } = plan.schema.of(rows.table);
  const pairs = plan.document.select(selected, connection.name).map((selection): [string, string] => {
    if (selection.name === "__typename") return [selection.key, literal(connection.name)];
    if (!connection.fields?.has(selection.name)) throw unknownCollectionField(selection.name);
    return [selection.key, collectionFieldSql(collection, selection, connection)];
  });

  const { table, page, block, source, beyond } = collection;
  const columns = table.columns
    .filter((column) => column.selectable)
    .map((column) => `${block}.${ident(column.name)}`);
  const { statement } = plan;
  return `(with ${collection.rows} as (
    select ${columns.join(", ")} ${source} and ${beyond}
    order by ${orderSql(readingOrder(page), block)}
    limit ${statement.value(page.limit, "bigint")} offset ${statement.value(page.offset, "bigint")}
  ) select ${jsonObject(pairs)})`;
}

function readCollection(
  plan: Plan,
  field: Field,
  selected: Selected,
  { table, from, condition }: Rows,
): Collection {
  onlyArguments(selected, field.args);
  const page = readPage(plan, table, field, selected);
  const block = plan.statement.block();
  const conditions = [
    condition?.(block) ?? "true",
    ...filterSql(plan, table, argument(plan, field, selected, "filter"), block),
  ];
  const source = `from ${from} as ${block} where ${conditions.join(" and ")}`;
  const beyond = page.cursor ? afterCursorSql(plan, readingOrder(page), page.cursor, block) : "true";
  return { plan, table, page, block, rows: `${block}_page`, source, beyond };
}

const unknownCollectionField = (name: string): GraphqlError =>
  new GraphqlError(
    name === "aggregate" ? "enable the aggregate directive to use aggregates" : "unknown field in connection",
  );

function collectionFieldSql(collection: Collection, selected: Selected, connection: NamedType): string {
  const { plan, source, block } = collection;
  switch (selected.name) {
    case "edges":
      return edgesSql(collection, selected);
    case "pageInfo":
      return pageInfoSql(collection, selected);
    case "totalCount":
      return `(select count(*) ${source})`;
    default: {
      const type = connection.fields?.get("aggregate")?.type as NamedType;
      return `(select ${aggregateSql(plan, type, selected, block)} ${source})`;
    }
  }
}

function edgesSql({ plan, table, page, block, rows }: Collection, selected: Selected): string {
  const { edge } = plan.schema.of(table);
  const pairs = plan.document.select(selected, edge.name).map((selection): [string, string] => {
    switch (selection.name) {
      case "__typename":
        return [selection.key, literal(edge.name)];
      case "cursor":
        return [selection.key, cursorSql(page.order, block)];
      case "node":
        onlyArguments(selection, []);
        return [selection.key, rowSql(plan, table, selection, block)];
      default:
        throw new GraphqlError("unknown field in edge");
    }
  });
  // A view may have rows whose key is null: they have no node id, so they are left out.
  const [key] = table.key.map((column) => `${block}.${ident(column.name)}`);
  const list = `jsonb_agg(${jsonObject(pairs)} order by ${orderSql(page.order, block)})`;
  return `(select coalesce(${list}, '[]') from ${rows} as ${block} where ${key} is not null)`;
}
