// The lists that the growth test asks for: of every table and view that the API exposes, as each kind of person.

import type { TransactionSql } from "postgres";

/** Who asks. The ids of guest and host are those of the books; a visitor is signed out. */
export type Reader = "visitor" | "guest" | "host" | "coHost" | "operator";

export interface List {
  name: string;
  reader: Reader;
  sql: string;
  shape: "page" | "count";
  /** Whether it may walk an index until the page is full, because nearly every row is for the reader. */
  mayWalk: boolean;
}

/** Columns that an index orders for each reader; other tables are ordered by their primary key. */
const orders: Record<string, string[]> = {
  booking_alterations: ["created_at"],
  booking_line_items: ["booking_id, position"],
  booking_money: ["id"],
  bookings: ["created_at", "check_in"],
  cancellations: ["created_at"],
  host_statement: ["id"],
  messages: ["created_at"],
  notifications: ["created_at"],
  payments: ["created_at"],
  payouts: ["created_at"],
  refunds: ["created_at"],
  threads: ["last_message_at"],
};

/** Views without rows of growing tables, or for operators alone. */
const operatorsOnly = ["dead_stripe_tasks", "reconciliation_differences"];

export async function readLists(tx: TransactionSql): Promise<List[]> {
  const relations = await tx<{ name: string; columns: string; key: string | null; isPublic: boolean }[]>`
    select
      c.relname as name, has_any_column_privilege('anon', c.oid, 'select') as "isPublic",
      string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns,
      (
        select string_agg(quote_ident(k.attname), ', ' order by array_position(i.indkey::smallint[], k.attnum))
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey)
        where i.indrelid = c.oid and i.indisprimary
      ) as key
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a
      on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        and has_column_privilege('authenticated', c.oid, a.attnum, 'select')
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
    group by c.oid, c.relname
    order by c.relname`;
  return relations.flatMap(({ name, columns, key, isPublic }) => {
    const select = `select ${columns} from public.${name}`;
    const ordered = (orders[name] ?? [key ?? "id"]).map((order) => ({
      shape: "page" as const,
      by: `by ${order}`,
      sql: `${select} order by ${order.replaceAll(",", " desc,")} desc limit 20`,
    }));
    const others = [
      { shape: "page" as const, by: "no order", sql: `${select} limit 20` },
      { shape: "count" as const, by: "count", sql: `select count(*) from public.${name}` },
    ];
    const readers: Reader[] = operatorsOnly.includes(name)
      ? ["operator"]
      : isPublic
        ? ["visitor", "guest"]
        : ["guest", "host", "coHost", "operator"];
    return readers.flatMap((reader) => {
      const mayWalk = isPublic || reader === "operator";
      return (mayWalk ? ordered : [...ordered, ...others]).map(({ shape, by, sql }) => ({
        name: `list of ${name}, ${reader}, ${by}`,
        reader,
        sql,
        shape,
        mayWalk,
      }));
    });
  });
}
