// Finds queries that become slower as tables grow, on a small database: it pretends that the tables are large, asks the planner for its
// plans, and reports a plan that reads a whole table. All of it happens in one transaction, which is rolled back.

import postgres, { type TransactionSql } from "postgres";
import { type Books, insertBooks } from "../bench/books.ts";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { type Reader, readLists } from "./growth-lists.ts";
import { searches } from "./growth-search.ts";
import { bounded, growing } from "./growth-sizes.ts";

/** What the planner may expect to spend on a table outside a limit; a read by primary key is about 8. */
const budget = 500;

interface Query {
  name: string;
  /** The person who runs it; the owner of the database when left out. */
  as?: keyof Books | Reader;
  /** Whether a list may walk an index until its page is full, and whether only whole reads count. */
  mayWalk?: boolean;
  /** How many queries it may run at most, those in functions included. */
  most?: number;
  /** How many rows a step of its plans may return at most; for pages of someone who has many more. */
  rows?: number;
  /** What a list asks for; counts read the reader's own rows. */
  shape?: "page" | "count";
  /** SQL, where $host, $booking and so on stand for ids of the books. A call is run, and every query in it is checked. */
  sql: string;
}

const queries: Query[] = [
  {
    name: "statement of a host",
    as: "largestHost",
    sql: "select * from public.host_statement order by id desc limit 50",
  },
  { name: "statement, no order", as: "largestHost", sql: "select * from public.host_statement limit 50" },
  {
    name: "statement, next page of the file",
    as: "largestHost",
    sql: "select * from public.host_statement where id > 0 order by id limit 1000",
  },
  {
    name: "statement, next page",
    as: "host",
    sql: "select * from public.host_statement where id < 0 order by id desc limit 1000",
  },
  {
    name: "money of a guest",
    as: "guest",
    sql: "select * from public.booking_money order by id desc limit 50",
  },
  {
    name: "money of a booking",
    as: "guest",
    sql: "select * from public.booking_money where booking_id = $booking",
  },
  {
    name: "open money of a person who leaves",
    sql: "select private.account_deletion_blockers_of_money($host)",
  },
  { name: "release of a payout", sql: "select private.release_payout($due, now())" },
  { name: "sweep of payouts", sql: "select private.release_payouts(now())" },
  { name: "sweep of charges", sql: "select private.charge_balances(now())" },
  { name: "charge of a balance", sql: "select private.charge_balance($booking, now())" },
  { name: "sweep of authorisations", sql: "select private.end_stale_authorizations(now())" },
  { name: "wake of the money worker", sql: "select private.wake_money_worker()" },
  { name: "Stripe tasks taken", sql: "select public.take_stripe_tasks(20)" },
  {
    name: "event stored",
    sql: `select public.store_stripe_event('{"id": "evt_growth", "type": "charge.refunded", "created": 1800000000}')`,
  },
  {
    name: "payment applied",
    sql: `select public.apply_payment_intent(jsonb_build_object('id', $intent, 'payment_id', $payment, 'status', 'succeeded',
      'amount', 30000, 'amount_received', 30000, 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_growth'))`,
  },
  {
    name: "refund applied",
    sql: `select public.apply_refund(jsonb_build_object('id', 're_growth', 'payment_intent', $intent, 'status', 'succeeded',
      'amount', 1000, 'currency', 'eur', 'created', 1800000000,
      'settlement', jsonb_build_object('id', 'txn_re', 'currency', 'eur', 'amount', -1000, 'fee', 0, 'net', -1000)))`,
  },
  {
    name: "dispute applied",
    sql: `select public.apply_dispute(jsonb_build_object('id', 'dp_growth', 'payment_intent', $intent, 'status', 'lost',
      'reason', 'fraudulent', 'amount', 30000, 'currency', 'eur', 'created', 1800000000, 'movements', jsonb_build_array(jsonb_build_object(
      'id', 'txn_dp', 'currency', 'eur', 'amount', -30000, 'fee', 1500, 'net', -31500, 'created', 1800000000))))`,
  },
  {
    name: "transfer applied, with a reversal",
    sql: `select public.apply_transfer(jsonb_build_object('id', $transfer, 'payout_id', $payout, 'amount', 28000, 'currency', 'eur',
      'created', 1800000000, 'balance_transaction', 'txn_tr', 'reversals', jsonb_build_array(jsonb_build_object('id', 'trr_growth',
      'amount', 100, 'created', 1800000000, 'balance_transaction', 'txn_trr', 'reversal_id', $payout))))`,
  },
  { name: "transfer refused", sql: "select public.fail_transfer($payout, 'no')" },
  { name: "cancellation", as: "guest", sql: "select public.cancel_booking($booking)" },
  { name: "jobs", as: "operator", sql: "select public.job_metrics()" },
  { name: "tasks", as: "operator", sql: "select public.periodic_tasks()" },
  { name: "metrics", sql: "select public.metrics()" },
  { name: "health", sql: "select public.health()" },
  {
    name: "cover photo",
    as: "guest",
    sql: "select public.cover_photo(p) from public.properties p where p.id = $property",
  },
  {
    name: "house rules",
    as: "guest",
    sql: "select public.current_house_rules(p) from public.properties p where p.id = $property",
  },
  {
    name: "calendar",
    as: "guest",
    sql: "select public.property_calendar($property, current_date::text, (current_date + 90)::text)",
  },
  {
    name: "lines of a booking",
    as: "guest",
    sql: "select public.booking_line_items(b) from public.bookings b where b.id = $booking",
  },
  {
    name: "bookings with their lines",
    as: "host",
    sql: `select b.id, i.lines from public.bookings b
      left join lateral (select json_agg(x) as lines from public.booking_line_items(b) x) i on true order by b.created_at desc limit 20`,
  },
  {
    name: "properties with rare words",
    sql: `select private.ids_by_words(jsonb_populate_record(null::private.search,
      '{"words": "lighthouse", "area_names": ["city"], "tiles": [1], "west": 0, "east": 1, "south": 0, "north": 1}'), null, 'infinity')`,
  },
  { name: "acceptance", as: "host", sql: "select public.accept_booking($booking)" },
  { name: "refusal", as: "host", sql: "select public.decline_booking($booking)" },
  { name: "confirmation", as: "operator", sql: "select public.confirm_booking($booking)" },
  { name: "alteration accepted", as: "host", sql: "select public.accept_alteration($booking)" },
  { name: "alteration declined", as: "host", sql: "select public.decline_alteration($booking)" },
  { name: "contacts", as: "guest", sql: "select public.booking_contacts($booking)" },
  { name: "payment schedule", as: "guest", sql: "select public.payment_schedule($booking)" },
  { name: "refund", as: "host", sql: "select public.refund_booking($booking, 100, 'Sorry')" },
  { name: "goodwill", as: "operator", sql: "select public.assign_goodwill($booking, 'host')" },
  { name: "money request accepted", as: "guest", sql: "select public.accept_money_request($booking)" },
  { name: "money request declined", as: "guest", sql: "select public.decline_money_request($booking)" },
  { name: "reply to a review", as: "host", sql: "select public.reply_to_review($booking, 'Thanks')" },
  {
    name: "review moderated",
    as: "operator",
    sql: "select public.moderate_review($booking, 'removed', 'Spam')",
  },
  { name: "response of a host", as: "guest", sql: "select public.host_response($host)" },
  { name: "report resolved", as: "operator", sql: "select public.resolve_report($booking, 'Done')" },
  { name: "retention", as: "operator", sql: "select public.retention()" },
  { name: "orphans searched", as: "operator", sql: "select public.sweep_orphans(now())" },
  {
    name: "page of a search for orphans",
    sql: `select public.save_orphan_page((public.sweep_orphans(now())).id, 0, jsonb_build_array(
      jsonb_build_object('id', 'x_growth', 'status', 'succeeded', 'payment_intent', $intent, 'reversals', jsonb_build_array('trr_x'),
      'metadata', private.stripe_metadata())), true)`,
  },
  { name: "orphan booked again", as: "operator", sql: "select public.rebook_orphan($booking)" },
  { name: "orphan given back", as: "operator", sql: "select public.refund_orphan($booking)" },
  { name: "suspension", as: "operator", sql: "select public.suspend_profile($guest, 'Fraud')" },
  { name: "audit trail", as: "operator", sql: "select public.audit_trail($booking)" },
  {
    name: "unread messages of a page",
    as: "largestHost",
    shape: "page",
    // some for each of the 20 threads, and not for each of the host's 200
    most: 160,
    sql: "select t.id, public.unread_count(t) from public.threads t order by t.last_message_at desc limit 20",
  },
  {
    name: "figures of a year by month",
    as: "host",
    sql: "select public.host_metrics('2026-01-01', '2027-01-01')",
  },
  {
    name: "figures of weeks by day",
    as: "host",
    sql: "select public.host_metrics('2026-01-05', '2026-02-03', 'day')",
  },
  { name: "pace", as: "host", sql: "select public.pace('2026-12', now() - interval '30 days')" },
  { name: "lost demand", as: "host", sql: "select public.lost_demand('2026-01-01', '2027-01-01')" },
  {
    name: "lost search reported",
    as: "guest",
    sql: "select public.report_lost_search($property, p_check_in => (current_date + 5)::text, p_check_out => (current_date + 8)::text)",
  },
  {
    name: "prices simulated",
    as: "host",
    sql: "select public.simulate_prices('2026-01-01', '2027-01-01')",
  },
  {
    name: "policy simulated",
    as: "host",
    sql: "select public.simulate_policy('firm', '2026-01-01', '2027-01-01')",
  },
];

/** Pages of 20 in the orders that an index serves, as a host who has 200 of each. */
const flatPages = [
  "bookings order by created_at",
  "bookings order by check_in",
  "payouts order by created_at",
  "host_statement order by id",
  "booking_money order by id",
].map(
  (list): Query => ({
    name: `page of ${list}`,
    as: "largestHost",
    shape: "page",
    rows: 120,
    sql: `select * from public.${list} desc limit 20`,
  }),
);

/** Queries whose work is in proportion to what they do: a part of the ledger, a digest for each person who wants one, deletions of what is old, a person's own rows. */
const batches = [
  "task check_ledger",
  "task queue_digests",
  "task apply_retention",
  "task remove_expired_occupancies",
  "task remove_unused_files",
  "open money of a person who leaves",
];

/** Partial indexes of the rows that wait for a task, which takes some of them at a time. */
const waiting = ["search_areas_waiting_idx", "search_tiles_waiting_idx"];

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
    await sql.begin(async (tx) => {
      // ids below zero, because the sequences go on from where they are
      await tx`load 'auto_explain'`;
      const books = await insertBooks(tx, 2_000, -1_000_000);
      const values = await exampleIds(tx, books);
      faults.push(...(await findUnknown(tx)));
      await tx`select private.rebuild_property_search()`;
      await insertThreads(tx, books);
      await fillEmptyTables(tx);
      await pretendSize(tx);
      const tasks = await tx<
        Query[]
      >`select 'task ' || name as name, command as sql from private.periodic_tasks order by name`;
      const lists = (await readLists(tx)).map((list): Query => ({ ...list, as: list.reader }));
      const searched = searches.map((search): Query => ({ ...search, as: search.reader }));
      for (const query of [...queries, ...flatPages, ...tasks, ...lists, ...searched]) {
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
      }
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
    as === undefined
      ? {}
      : {
          sub: as in books ? books[as as keyof Books] : "00000000-0000-4000-8000-000000000001",
          role: "authenticated",
          app_metadata: { roles: isOperator ? ["operator"] : [] },
        };
  const role = as === undefined ? "none" : isOperator ? "operator" : "authenticated";
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

/** Gives the largest host a thread for each booking, so that it shows what is done for each of them and not for a page. */
async function insertThreads(tx: TransactionSql, books: Books): Promise<void> {
  await tx`set local session_replication_role = replica`;
  await tx`
    insert into public.threads (property_id, host_id, guest_id, booking_id, last_message_at)
    select property_id, host_id, guest_id, id, created_at from private.bookings where host_id = ${books.largestHost}`;
  await tx`set local session_replication_role = origin`;
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

/** Writes statistics of large tables, which the planner multiplies by the real number of pages. */
async function pretendSize(tx: TransactionSql): Promise<void> {
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
          (${JSON.stringify(values)}::text::jsonb ->> a.attname)::float4,
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

function faultsOf(plan: Plan, query: Query, isLimited = false, times = 1): string[] {
  // a branch for another kind of reader, which is not run
  if (plan["One-Time Filter"] !== undefined) return [];
  const { "Node Type": type, "Relation Name": table, Plans: children = [] } = plan;
  const faults: string[] = [];
  if (table !== undefined && `${plan.Schema}.${table}` in growing) {
    if (type === "Seq Scan") faults.push(`reads all of ${table}`);
    else if (
      /^Index/.test(type) &&
      plan["Index Cond"] === undefined &&
      !(isLimited && (query.mayWalk || waiting.includes(plan["Index Name"] ?? "")))
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
      ),
    ),
  );
}
