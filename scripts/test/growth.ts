// Finds queries that become slower as tables grow, on a small database: it pretends that the tables are large, asks the planner for its
// plans, and reports a plan that reads a whole table. All of it happens in one transaction, which is rolled back.

import postgres, { type TransactionSql } from "postgres";
import { type Books, insertBooks } from "../bench/books.ts";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { readLists } from "./growth-lists.ts";
import { batches, flatPages, type Query, queries, waiting } from "./growth-queries.ts";
import { searches, worldOrders } from "./growth-search.ts";
import { bounded, growing } from "./growth-sizes.ts";

/** What the planner may expect to spend on a table outside a limit; a read by primary key is about 8. */
const budget = 500;

/** Returns a line for each fault. */
export async function findGrowth(config: StackConfig): Promise<string[]> {
  const plans: Plan[] = [];
  const sql = postgres(databaseUrl(config, "supabase_admin"), {
    max: 1,
    onnotice: ({ message = "" }) => {
      const [, plan] = /plan:\n(\{[\s\S]*\})$/.exec(message) ?? [];
      if (plan !== undefined) plans.push((JSON.parse(plan) as { Plan: Plan }).Plan);
    },
  });
  const faults: string[] = [];
  const undo = new Error("rolled back");
  try {
    // pages of an earlier run, which was rolled back, would make plans cost more
    await sql.unsafe(`vacuum ${Object.keys(growing).join()}`);
    await sql.begin(async (tx) => {
      // keeps autovacuum from changing the statistics
      await tx.unsafe(`lock table ${Object.keys(growing).join()} in share update exclusive mode`);
      // ids below zero, because the sequences go on from where they are
      await tx`load 'auto_explain'`;
      const books = await insertBooks(tx, 2_000, -1_000_000);
      const values = await exampleIds(tx, books);
      faults.push(...(await findUnknown(tx)));
      await tx`select private.rebuild_property_search()`;
      await insertThreads(tx, books);
      await fillEmptyTables(tx);
      const check = async (query: Query) => {
        plans.length = 0;
        const error = await run(tx, query, values, books);
        if (error !== undefined) faults.push(`${query.name}: ${error}`);
        else if (plans.length === 0) faults.push(`${query.name}: no plan was seen`);
        const found = plans.flatMap((plan) => faultsOf(plan, query));
        if (query.most !== undefined && plans.length > query.most) found.push(`runs ${plans.length} queries`);
        const rows = Math.max(...plans.map(mostRows));
        if (query.rows !== undefined && rows > query.rows) found.push(`a step returns ${rows} rows`);
        const [page] = plans.slice(-1);
        if (page !== undefined && query.shape === "page" && page["Total Cost"] > budget)
          found.push(`the page costs ${Math.round(page["Total Cost"])}`);
        for (const fault of new Set(found)) faults.push(`${query.name}: ${fault}`);
      };
      await analyzeLedger(tx);
      await pretendSize(tx);
      const tasks = await tx<
        Query[]
      >`select 'task ' || name as name, command as sql from private.periodic_tasks order by name`;
      const lists = (await readLists(tx)).map((list) => ({ ...list, as: list.reader }));
      const searched = searches.map((search): Query => ({ ...search, as: search.reader }));
      for (const query of [...queries, ...flatPages, ...tasks, ...lists, ...searched, ...worldOrders])
        await check(query);
      await pretendSize(tx, 0.01);
      for (const list of lists.filter(({ reader }) => reader !== "operator"))
        await check({ ...list, name: `${list.name}, where few have nearly all rows` });
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  } finally {
    await sql.end();
  }
  return faults;
}

/** Runs a query with auto_explain, which reports every plan, also those inside functions. Returns its error. */
async function run(
  tx: TransactionSql,
  { as, sql, rows }: Query,
  values: Record<string, string>,
  books: Books,
): Promise<string | undefined> {
  const isOperator = as === "operator";
  const claims =
    as === undefined || as === "visitor"
      ? {}
      : {
          sub: as in books ? books[as as keyof Books] : "00000000-0000-4000-8000-000000000001",
          role: "authenticated",
          app_metadata: { roles: isOperator ? ["operator"] : [] },
        };
  const role =
    as === undefined ? "none" : as === "visitor" ? "anon" : isOperator ? "operator" : "authenticated";
  const text = sql.replace(/\$(\w+)/g, (_, name: string) => `'${values[name]}'`);
  try {
    await tx.savepoint(async (point) => {
      await point`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
      await point.unsafe(`
        set local auto_explain.log_min_duration = 0; set local auto_explain.log_nested_statements = on;
        set local auto_explain.log_format = json; set local auto_explain.log_verbose = on;
        set local auto_explain.log_analyze = ${rows === undefined ? "off" : "on"}; set local auto_explain.log_timing = off;
        set local auto_explain.log_level = notice; set local client_min_messages = notice;
        set local role ${role}`);
      await point.unsafe(text);
      await point.unsafe(
        "reset role; set constraints all immediate; set local auto_explain.log_min_duration = -1",
      );
      throw done;
    });
  } catch (error) {
    // a refusal comes after the queries that lead to it
    const isRefusal = error instanceof postgres.PostgresError && error.code.startsWith("PT");
    if (error !== done && !isRefusal) return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}
const done = new Error("undone");

async function exampleIds(tx: TransactionSql, books: Books): Promise<Record<string, string>> {
  const [row] = await tx<[Record<string, string>]>`
    select
      (select booking_id from private.open_payables where host_id = ${books.largestHost} order by due_at limit 1) as due,
      b.id as booking, b.guest_id as guest, b.host_id as host, b.property_id as property, p.id as payment, p.stripe_payment_intent_id as intent,
      y.id as payout, y.stripe_transfer_id as transfer
    from private.bookings b
    join public.payments p on p.booking_id = b.id
    cross join (select id, stripe_transfer_id from public.payouts order by id limit 1) y
    where b.status = 'confirmed' and b.check_in > current_date + 5
    order by b.id limit 1`;
  books.guest = row.guest ?? "";
  return { ...row, host: books.host };
}

/** Tables that are in neither list of sizes, and functions that return rows but are in no query. */
async function findUnknown(tx: TransactionSql): Promise<string[]> {
  const tables = await tx<{ name: string }[]>`
    select n.nspname || '.' || c.relname as name
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'private') and c.relkind in ('r', 'p')`;
  const functions = await tx<{ name: string }[]>`
    select distinct p.proname as name
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proretset and has_function_privilege('authenticated', p.oid, 'execute')`;
  return [
    ...tables
      .filter(({ name }) => !(name in growing) && !bounded.includes(name))
      .map(({ name }) => `${name} has no size in growth-sizes.ts`),
    ...functions
      .filter(({ name }) => ![...queries, ...searches].some(({ sql }) => sql.includes(`public.${name}(`)))
      .map(({ name }) => `${name} is in no query of growth.ts`),
  ];
}

/** Gives the largest host a thread with a message for each booking, so that it shows what is done for each of them and not for a page. */
async function insertThreads(tx: TransactionSql, books: Books): Promise<void> {
  await tx`set local session_replication_role = replica`;
  await tx`
    insert into public.threads (property_id, host_id, guest_id, booking_id, last_message_at)
    select property_id, host_id, guest_id, id, created_at from private.bookings where host_id = ${books.largestHost}`;
  await tx`
    insert into private.messages (thread_id, property_id, guest_id, host_id, sender_id, body)
    select id, property_id, guest_id, host_id, guest_id, 'Hello' from public.threads where host_id = ${books.largestHost}`;
  await tx`set local session_replication_role = origin`;
}

async function analyzeLedger(tx: TransactionSql): Promise<void> {
  await tx`analyze private.ledger_entries, private.ledger_transactions`;
  // as after a vacuum
  await tx`update pg_catalog.pg_class set relallvisible = relpages where oid = 'private.ledger_entries'::regclass`;
}

/** Inserts a made-up row into each growing table that is empty, because the planner takes a table without pages for empty. */
async function fillEmptyTables(tx: TransactionSql): Promise<void> {
  await tx`set local session_replication_role = replica`;
  for (const table of Object.keys(growing)) {
    const [found] = await tx.unsafe(`select from ${table} limit 1`);
    if (found !== undefined) continue;
    const constraints = await tx<{ name: string }[]>`
      select quote_ident(conname) as name from pg_catalog.pg_constraint where conrelid = ${table}::regclass and contype = 'c'`;
    for (const { name } of constraints) await tx.unsafe(`alter table ${table} drop constraint ${name}`);
    const columns = await tx<{ name: string; value: string }[]>`
      select quote_ident(a.attname) as name, case
          when t.typtype = 'e' then (
            select quote_literal(e.enumlabel) from pg_catalog.pg_enum e where e.enumtypid = t.oid order by e.enumsortorder limit 1
          )
          when t.typname = '_text' then quote_literal('{x}')
          when t.typcategory = 'A' then quote_literal('{}')
          when t.typname = 'uuid' then 'gen_random_uuid()'
          when t.typname in ('json', 'jsonb') then quote_literal('{}')
          when t.typcategory = 'D' and t.typname <> 'time' then quote_literal('2100-01-01')
          when t.typname = 'time' then quote_literal('12:00')
          when t.typname = 'bool' then 'false'
          when t.typcategory = 'S' then quote_literal('x')
          when t.typcategory = 'N' then '1'
          else quote_literal('')
        end as value
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type t on t.oid = a.atttypid
      where a.attrelid = ${table}::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull
        and a.attgenerated = '' and a.attidentity = ''`;
    await tx.unsafe(`
      insert into ${table} (${columns.map(({ name }) => name).join()})
      values (${columns.map(({ value }) => value).join()})`);
  }
  await tx`set local session_replication_role = origin`;
}

/**
 * Writes statistics of large tables, which the planner multiplies by the real number of pages.
 *
 * @param share the part of the people, properties and so on that have all the rows
 */
async function pretendSize(tx: TransactionSql, share = 1): Promise<void> {
  for (const [table, { rows, values = {}, nulls = {} }] of Object.entries(growing)) {
    await tx`update pg_catalog.pg_class set
        reltuples = ${rows}::float4 * greatest(relpages, 1) / greatest(pg_relation_size(oid) / 8192, 1), relpages = greatest(relpages, 1),
        relallvisible = pg_relation_size(oid) / 8192
      where oid = ${table}::regclass`;
    await tx`update pg_catalog.pg_class c set
        reltuples = ${rows}, relpages = greatest((pg_relation_size(c.oid) / 8192)::integer, 2)
      from pg_catalog.pg_index i
      where i.indexrelid = c.oid and i.indrelid = ${table}::regclass and i.indpred is null`;
    // a column with few values would otherwise count as one of 200
    await tx`delete from pg_catalog.pg_statistic where starelid = ${table}::regclass`;
    await tx`insert into pg_catalog.pg_statistic (
        starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, stakind1, stakind2, stakind3, stakind4, stakind5,
        staop1, staop2, staop3, staop4, staop5, stacoll1, stacoll2, stacoll3, stacoll4, stacoll5
      )
      select s.attrelid, s.attnum, false, coalesce((${JSON.stringify(nulls)}::text::jsonb ->> s.attname)::float4, 0), 16, s.n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
      from (
        select a.attrelid, a.attnum, a.attname, coalesce(
          (select split_part(o, '=', 2)::float4 from unnest(a.attoptions) o where o like 'n\\_distinct=%'),
          (${JSON.stringify(values)}::text::jsonb ->> a.attname)::float4 * case when t.typname = 'uuid' then ${share}::float4 else 1 end,
          case
            when t.typtype = 'e' then (select count(*) from pg_catalog.pg_enum e where e.enumtypid = t.oid)
            when t.typname = 'bool' then 2
            when a.attname ~ 'currency' then 5
            when t.typname = 'date' then 1500
            when t.typname in ('timestamptz', 'uuid') then -0.9
          end
        ) as n
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_type t on t.oid = a.atttypid
        where a.attrelid = ${table}::regclass and a.attnum > 0 and not a.attisdropped
      ) s
      where s.n is not null`;
  }
}

interface Plan {
  "Node Type": string;
  Schema?: string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Index Cond"?: string;
  Filter?: string;
  "One-Time Filter"?: string;
  "Parent Relationship"?: string;
  "Plan Rows": number;
  "Total Cost": number;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  Plans?: Plan[];
}

/** The most rows that a step of a plan has returned in all; 0 for a plan that was not measured. */
function mostRows(plan: Plan): number {
  const rows = (plan["Actual Rows"] ?? 0) * (plan["Actual Loops"] ?? 0);
  return Math.max(rows, ...(plan.Plans ?? []).map(mostRows));
}

/** @param parent the type of the step above, which may end the plan early */
function faultsOf(plan: Plan, query: Query, isLimited = false, times = 1, parent = ""): string[] {
  // a branch for another kind of reader, which is not run
  if (plan["One-Time Filter"] !== undefined) return [];
  const { "Node Type": type, "Relation Name": table, Plans: children = [] } = plan;
  const faults: string[] = [];
  if (table !== undefined && `${plan.Schema}.${table}` in growing) {
    if (type === "Seq Scan") faults.push(`reads all of ${table}`);
    else if (
      /^Index/.test(type) &&
      plan["Index Cond"] === undefined &&
      !(isLimited && (query.mayWalk || waiting.includes(plan["Index Name"] ?? ""))) &&
      // the first rows of an index, such as the highest id
      !(parent === "Limit" && plan.Filter === undefined)
    )
      faults.push(`reads all of ${plan["Index Name"]}`);
    else if (
      query.shape === undefined &&
      !batches.includes(query.name) &&
      !isLimited &&
      plan["Total Cost"] * times > budget
    ) {
      faults.push(`${type} of ${table} costs ${Math.round(plan["Total Cost"])}, ${times} times`);
    }
  }
  const limits = (isLimited || type === "Limit") && !/Sort|Aggregate|Hash/.test(type);
  const [outer] = children;
  return faults.concat(
    ...children.map((child) =>
      faultsOf(
        child,
        query,
        limits,
        type === "Nested Loop" && child["Parent Relationship"] === "Inner"
          ? times * (outer?.["Plan Rows"] ?? 1)
          : times,
        type,
      ),
    ),
  );
}
