// Measures lists of growing tables as PostgREST asks for them, as processor time of the backend in reads of a property by primary key.

import type { Sql } from "postgres";
import { openDatabase } from "../lib/database.ts";
import { withTestStack } from "../test/stack.ts";
import { type Books, makeBooks } from "./books.ts";
import { costInReads } from "./cpu.ts";
import type { Figure } from "./figures.ts";

/** People who read lists, by their id. */
type People = Record<"guest" | "host" | "large host" | "co-host" | "operator", string>;

interface List {
  relation: string;
  /** Columns that an index orders for each reader. */
  orders: string[];
  /** Who reads rows of it. */
  readers: (keyof People)[];
}

const lists: List[] = [
  {
    relation: "bookings",
    orders: ["created_at", "check_in"],
    readers: ["guest", "host", "large host", "co-host", "operator"],
  },
  {
    relation: "threads",
    orders: ["last_message_at"],
    readers: ["guest", "host", "large host", "co-host"],
  },
  { relation: "messages", orders: ["created_at"], readers: ["guest", "host", "large host", "co-host"] },
  { relation: "notifications", orders: ["created_at"], readers: ["guest", "large host"] },
  { relation: "payments", orders: ["created_at"], readers: ["guest", "operator"] },
  { relation: "payouts", orders: ["created_at"], readers: ["host", "large host", "operator"] },
  {
    relation: "occupancies",
    orders: ["check_in"],
    readers: ["host", "large host", "co-host", "operator"],
  },
  { relation: "booking_money", orders: ["id"], readers: ["guest", "host", "large host", "operator"] },
  { relation: "host_statement", orders: ["id"], readers: ["host", "large host", "operator"] },
  {
    relation: "booking_line_items",
    orders: ["booking_id"],
    readers: ["guest", "host", "large host", "operator"],
  },
  { relation: "refunds", orders: ["created_at"], readers: ["guest", "host", "large host", "operator"] },
  { relation: "cancellations", orders: ["created_at"], readers: ["guest", "host", "large host", "operator"] },
  {
    relation: "booking_alterations",
    orders: ["created_at"],
    readers: ["guest", "host", "large host", "co-host", "operator"],
  },
];

/** The budget of a page, and of a count by anyone but an operator. */
const budget = 60;

/** @param size number of bookings */
export function benchLists(size = 1_000_000): Promise<Figure[]> {
  return withTestStack(async (config) => {
    const sql = openDatabase(config, "supabase_admin");
    try {
      // no periodic task changes the books while they are measured
      await sql`update cron.job set active = false`;
      const people = await addPeople(sql, await makeBooks(sql, size));
      const figures: Figure[] = [];
      for (const list of lists) figures.push(...(await measureList(sql, people, list)));
      figures.push(...(await measureUnread(sql, people)));
      return figures;
    } finally {
      await sql.end();
    }
  });
}

/** What a page of threads costs with unread_count, which must be worked out for the page, however many threads there are. */
async function measureUnread(sql: Sql, people: People): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const reader of ["guest", "large host", "co-host"] as const) {
    figures.push(
      await measure(sql, people, reader, {
        name: `threads, ${reader}, unread_count of 20`,
        query:
          "select t.id, public.unread_count(t) from public.threads t order by t.last_message_at desc limit 20",
      }),
    );
  }
  return figures;
}

async function measureList(sql: Sql, people: People, { relation, orders, readers }: List): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const reader of readers) {
    const isOperator = reader === "operator";
    const add = async (name: string, query: string, isBounded = true) => {
      figures.push(
        await measure(sql, people, reader, { name: `${relation}, ${reader}, ${name}`, query, isBounded }),
      );
    };
    for (const order of orders) {
      await add(`order=${order}`, `select * from public.${relation} order by ${order} desc limit 20`);
    }
    await add("no order", `select * from public.${relation} limit 20`, !isOperator);
    if (!isOperator) await add("count", `select count(*) from public.${relation}`);
  }
  return figures;
}

async function measure(
  sql: Sql,
  people: People,
  reader: keyof People,
  { name, query, isBounded = true }: { name: string; query: string; isBounded?: boolean },
): Promise<Figure> {
  const value = await costInReads(
    sql,
    () => actAs(sql, people[reader], reader === "operator"),
    // planned each time, as PostgREST's pages are, whose limit is a parameter
    () => sql.unsafe(query),
    { runs: 15, warmUp: 8 },
  );
  return { name, value, unit: "reads", ...(isBounded ? { budget } : {}) };
}

async function actAs(sql: Sql, person: string, isOperator: boolean): Promise<void> {
  const claims = {
    sub: person,
    role: "authenticated",
    app_metadata: { roles: isOperator ? ["operator"] : [] },
  };
  await sql`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, false)`;
  await sql.unsafe(`set role ${isOperator ? "operator" : "authenticated"}`);
}

/** Adds what the books do not have: a co-host of the largest host, an operator, threads with messages, notifications, reserved nights, changes. */
async function addPeople(sql: Sql, books: Books): Promise<People> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx.unsafe(`
      insert into public.profiles (id, display_name) values (md5('co-host')::uuid, 'Co-host'), (md5('operator')::uuid, 'Operator')
      on conflict do nothing;
      insert into public.user_roles (user_id, role) values (md5('operator')::uuid, 'operator') on conflict do nothing;
      insert into public.occupancies (property_id, space_id, kind, check_in, check_out, booking_id, created_at)
      select distinct on (b.property_id, b.check_in) b.property_id, b.property_id, 'booking', b.check_in, b.check_out, b.id, b.created_at
      from private.bookings b
      where b.status <> 'cancelled' and b.check_in > current_date - 100
      on conflict do nothing;
      insert into public.threads (property_id, host_id, guest_id, booking_id, last_message_at, created_at)
      select b.property_id, b.host_id, b.guest_id, b.id, b.created_at, b.created_at
      from private.bookings b
      where b.host_id = '${books.largestHost}' or left(b.id::text, 1) < '4'
      on conflict do nothing;
      insert into private.messages (thread_id, property_id, guest_id, host_id, sender_id, body, created_at)
      select t.id, t.property_id, t.guest_id, t.host_id, case n % 2 when 0 then t.guest_id else t.host_id end, 'Is it quiet there?', t.created_at + n * interval '1 hour'
      from public.threads t cross join generate_series(1, 8) n;
      insert into public.notifications (recipient_id, kind, booking_id, property_id, dedupe_key, created_at, data)
      select p.id, 'booking_confirmed', b.id, b.property_id, p.side || b.id, b.created_at, '{"title": "House"}'
      from private.bookings b cross join lateral (values ('guest', b.guest_id), ('host', b.host_id)) p (side, id)
      where b.host_id = '${books.largestHost}' or left(b.id::text, 1) < '4'
      on conflict do nothing;
      insert into public.cancellations (
        booking_id, guest_id, host_id, property_id, cancelled_by, cancelled_at, nights_stayed, nights_kept, refund_percent, currency,
        guest_total, refund_amount, unpaid_amount, host_amount, host_fee, lines, created_at
      )
      select
        b.id, b.guest_id, b.host_id, b.property_id, 'guest', b.created_at, 0, 0, 100, 'EUR', 30000, 30000, 0, 0, 0, '{}',
        b.created_at + interval '1 day'
      from private.bookings b
      where b.status = 'cancelled';
      insert into public.booking_alterations (
        booking_id, guest_id, host_id, property_id, proposed_by, expires_at, answer, answered_at, check_in, check_out, adults, children,
        infants, pets, currency, guest_total, difference, lines, created_at
      )
      select
        b.id, b.guest_id, b.host_id, b.property_id, 'guest', b.created_at + interval '1 day', 'accepted', b.created_at, b.check_in,
        b.check_out, 2, 0, 0, 0, 'EUR', 30000, 0, '{}', b.created_at
      from private.bookings b
      where left(b.id::text, 1) = '0'`);
  });
  await sql`
    insert into public.co_hosts (property_id, profile_id, level)
    select p.id, md5('co-host')::uuid, 'calendar_and_messages' from public.properties p where p.host_id = ${books.largestHost}
    on conflict do nothing`;
  for (const table of [
    "public.threads",
    "private.messages",
    "public.notifications",
    "public.occupancies",
    "public.co_hosts",
    "public.cancellations",
    "public.booking_alterations",
    "private.co_hosted_bookings",
    "private.co_hosted_messages",
  ]) {
    await sql.unsafe(`vacuum analyze ${table}`);
  }
  const [ids] = await sql<{ co_host: string; operator: string }[]>`
    select md5('co-host')::uuid as co_host, md5('operator')::uuid as operator`;
  return {
    guest: books.guest,
    host: books.host,
    "large host": books.largestHost,
    "co-host": ids?.co_host ?? "",
    operator: ids?.operator ?? "",
  };
}
