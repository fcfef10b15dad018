// A collection as SQL: one page of rows, and what is asked about it.

import { aggregateSql } from "./aggregates.ts";
import type { Table } from "./catalogue.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { filterSql } from "./filters.ts";
import { afterCursorSql, cursorSql, type Order, orderSql, type Page, readPage, reversed } from "./paging.ts";
import { argument, onlyArguments, type Plan } from "./plan.ts";
import { rowSql } from "./selection.ts";
import { ident, jsonObject, literal } from "./sql.ts";
import type { Field, NamedType } from "./types.ts";

/** Where a collection's rows come from: a table or a function, and how they belong to the row around them. */
export interface Rows {
  table: Table;
  from: string;
  condition?: (block: string) => string;
}

/** The parts of a collection's statement that its selections share. */
interface Parts {
  plan: Plan;
  table: Table;
  page: Page;
  /** Name of the page's rows, in the common table expression `rows` as well as in the collection. */
  block: string;
  rows: string;
  /** The collection without paging: `from … where …`. */
  source: string;
  /** The condition of the cursor. */
  beyond: string;
}

/** SQL of a collection's object, as a scalar subquery. */
export function connectionSql(plan: Plan, field: Field, selected: Selected, rows: Rows): string {
  const parts = readParts(plan, field, selected, rows);
  const { connection } = plan.schema.of(rows.table);
  const pairs = plan.document.select(selected, connection.name).map((selection): [string, string] => {
    if (selection.name === "__typename") return [selection.key, literal(connection.name)];
    if (!connection.fields?.has(selection.name)) throw unknownField(selection.name);
    return [selection.key, connectionField(parts, selection, connection)];
  });

  const { table, page, block, source, beyond } = parts;
  const columns = table.columns
    .filter((column) => column.selectable)
    .map((column) => `${block}.${ident(column.name)}`);
  const { statement } = plan;
  return `(with ${parts.rows} as (
    select ${columns.join(", ")} ${source} and ${beyond}
    order by ${orderSql(taken(page), block)}
    limit ${statement.value(page.limit, "bigint")} offset ${statement.value(page.offset, "bigint")}
  ) select ${jsonObject(pairs)})`;
}

function readParts(plan: Plan, field: Field, selected: Selected, { table, from, condition }: Rows): Parts {
  onlyArguments(selected, field.args);
  const page = readPage(plan, table, field, selected);
  const block = plan.statement.block();
  const conditions = [
    condition?.(block) ?? "true",
    ...filterSql(plan, table, argument(plan, field, selected, "filter"), block),
  ];
  const source = `from ${from} as ${block} where ${conditions.join(" and ")}`;
  const beyond = page.cursor ? afterCursorSql(plan, taken(page), page.cursor, block) : "true";
  return { plan, table, page, block, rows: `${block}_page`, source, beyond };
}

/** The order in which a page is taken, which is backwards for the last rows. */
const taken = ({ order, backward }: Page): Order[] => (backward ? reversed(order) : order);

const unknownField = (name: string): GraphqlError =>
  new GraphqlError(
    name === "aggregate" ? "enable the aggregate directive to use aggregates" : "unknown field in connection",
  );

function connectionField(parts: Parts, selected: Selected, connection: NamedType): string {
  const { plan, source, block } = parts;
  switch (selected.name) {
    case "edges":
      return edgesSql(parts, selected);
    case "pageInfo":
      return pageInfoSql(parts, selected);
    case "totalCount":
      return `(select count(*) ${source})`;
    default: {
      const type = connection.fields?.get("aggregate")?.type as NamedType;
      return `(select ${aggregateSql(plan, type, selected, block)} ${source})`;
    }
  }
}

function edgesSql({ plan, table, page, block, rows }: Parts, selected: Selected): string {
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
  // A view may have rows without a key: they cannot be named, so they are no nodes.
  const [key] = table.key.map((column) => `${block}.${ident(column.name)}`);
  const list = `jsonb_agg(${jsonObject(pairs)} order by ${orderSql(page.order, block)})`;
  return `(select coalesce(${list}, '[]') from ${rows} as ${block} where ${key} is not null)`;
}

function pageInfoSql(parts: Parts, selected: Selected): string {
  const { plan, page, block, rows } = parts;
  const cursorOf = (order: Order[]) =>
    `(select ${cursorSql(page.order, block)} from ${rows} as ${block} order by ${orderSql(order, block)} limit 1)`;
  const [after, before] = page.backward ? [rowsBefore, rowsAfter] : [rowsAfter, rowsBefore];
  const pairs = plan.document.select(selected, "PageInfo").map(({ key, name }): [string, string] => {
    switch (name) {
      case "__typename":
        return [key, literal("PageInfo")];
      case "startCursor":
        return [key, cursorOf(page.order)];
      case "endCursor":
        return [key, cursorOf(reversed(page.order))];
      case "hasNextPage":
        return [key, after(parts)];
      case "hasPreviousPage":
        return [key, before(parts)];
      default:
        throw new GraphqlError("unknown field in pageInfo");
    }
  });
  return jsonObject(pairs);
}

/** Whether rows follow the page, in the order in which it was taken. */
function rowsAfter({ plan, page, source, beyond }: Parts): string {
  return `exists (select ${source} and ${beyond} offset ${plan.statement.value(page.limit + page.offset, "bigint")})`;
}

/** Whether rows precede the page: its first row is not the collection's. */
function rowsBefore({ table, page, source, block, rows }: Parts): string {
  const key = (name: string) => table.key.map((column) => `${name}.${ident(column.name)}`).join(", ");
  const onPage = `select ${key("shown")} from ${rows} as shown`;
  const first = `select (${key(block)}) not in (${onPage}) ${source} order by ${orderSql(taken(page), block)} limit 1`;
  return `(exists (select from ${rows}) and coalesce((${first}), false))`;
}
