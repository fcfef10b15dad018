// The field `pageInfo` of a collection: cursors of the page's ends, and whether more rows lie beyond them.

import type { Table } from "./catalogue.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { cursorSql, type Order, orderSql, type Page, reversed } from "./paging.ts";
import type { Plan } from "./plan.ts";
import { ident, jsonObject, literal } from "./sql.ts";

/** The parts of a collection's statement that its selections share. */
export interface Collection {
  plan: Plan;
  table: Table;
  page: Page;
  /** Alias of a row, both in the collection and in its page. */
  block: string;
  /** Name of the common table expression that holds the page's rows. */
  rows: string;
  /** The collection without paging: `from … where …`. */
  source: string;
  /** The condition that a row lies beyond the cursor. */
  beyond: string;
}

/** The order in which a page is read: reversed for the last rows of a collection. */
export const readingOrder = ({ order, backward }: Page): Order[] => (backward ? reversed(order) : order);

/** SQL of the object `pageInfo`. */
export function pageInfoSql(collection: Collection, selected: Selected): string {
  const { plan, page, block, rows } = collection;
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
        return [key, after(collection)];
      case "hasPreviousPage":
        return [key, before(collection)];
      default:
        throw new GraphqlError("unknown field in pageInfo");
    }
  });
  return jsonObject(pairs);
}

/** Whether rows follow the page, in the order in which it was read. */
function rowsAfter({ plan, page, source, beyond }: Collection): string {
  return `exists (select ${source} and ${beyond} offset ${plan.statement.value(page.limit + page.offset, "bigint")})`;
}

/** Whether rows precede the page, which holds when the collection's first row is not on it. */
function rowsBefore({ table, page, source, block, rows }: Collection): string {
  const key = (name: string) => table.key.map((column) => `${name}.${ident(column.name)}`).join(", ");
  const onPage = `select ${key("shown")} from ${rows} as shown`;
  const first = `select (${key(block)}) not in (${onPage}) ${source} order by ${orderSql(readingOrder(page), block)} limit 1`;
  return `(exists (select from ${rows}) and coalesce((${first}), false))`;
}
