// Finds queries that become slower as tables grow, on a small database: it pretends that the tables are large, asks the planner for its
// plans, and reports a plan that reads a whole table. All of it happens in one transaction, which is rolled back.

import postgres, { type TransactionSql } from "postgres";
import { type Books, insertBooks } from "../bench/books.ts";
import { databaseUrl, type StackConfig } from "../lib/config.ts";

/** The tables that grow with the platform: their rows, and the number of values of columns that name someone or something. */
const growing: Record<string, { rows: number; values?: Record<string, number> }> = {
  "private.bookings": { rows: 1e6, values: { host_id: 2e4, guest_id: 3e5, property_id: 5e4 } },
  "private.ledger_accounts": { rows: 5e4, values: { party_id: 4e4 } },
  "private.ledger_entries": { rows: 1e7, values: { booking_id: 1e6, transaction_id: 4e6, account_id: 5e4 } },
  "private.ledger_transactions": { rows: 4e6 },
  "private.open_payables": { rows: 8e4, values: { host_id: 1e4 } },
  "private.payout_reversals": { rows: 5e4, values: { payout_id: 5e4 } },
  "private.planned_charges": { rows: 2e4 },
  "private.stripe_events": { rows: 4e6 },
  "private.stripe_tasks": { rows: 8e6, values: { subject: 7e6 } },
  "public.booking_line_items": { rows: 4e6, values: { booking_id: 1e6 } },
  "public.payment_methods": { rows: 3e5, values: { profile_id: 2e5 } },
  // few payments are open
  "public.payments": { rows: 1e6, values: { booking_id: 9e5, guest_id: 3e5, status: 1e3 } },
  "public.payout_accounts": { rows: 2e4 },
  "public.payouts": { rows: 1e6, values: { booking_id: 9e5, host_id: 2e4 } },
  "public.profiles": { rows: 5e5 },
  "public.properties": { rows: 2e5, values: { host_id: 2e4 } },
  "public.refunds": { rows: 2e5, values: { booking_id: 2e5, payment_id: 2e5 } },
};

/** What the planner may expect to spend on a table outside a limit; a read by primary key is about 8. */
const budget = 500;

interface Query {
  name: string;
  /** The person who runs it; the owner of the database when left out. */
  as?: keyof Books;
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
];

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
      await pretendSize(tx);
      for (const query of queries) {
        plans.length = 0;
        const error = await run(tx, query, values, books);
        if (error !== undefined) faults.push(`${query.name}: ${error}`);
        else if (plans.length === 0) faults.push(`${query.name}: no plan was seen`);
        for (const fault of new Set(plans.flatMap((plan) => faultsOf(plan))))
          faults.push(`${query.name}: ${fault}`);
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
  { as, sql }: Query,
  values: Record<string, string>,
  books: Books,
): Promise<string | undefined> {
  const claims = as === undefined ? {} : { sub: books[as], role: "authenticated" };
  const text = sql.replace(/\$(\w+)/g, (_, name: string) => `'${values[name]}'`);
  try {
    await tx.savepoint(async (point) => {
      await point`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
      await point.unsafe(`
        set local auto_explain.log_min_duration = 0; set local auto_explain.log_nested_statements = on;
        set local auto_explain.log_format = json; set local auto_explain.log_verbose = on;
        set local auto_explain.log_level = notice; set local client_min_messages = notice;
        set local role ${as === undefined ? "none" : "authenticated"}`);
      await point.unsafe(text);
      await point.unsafe(
        "reset role; set constraints all immediate; set local auto_explain.log_min_duration = -1",
      );
      throw done;
    });
  } catch (error) {
    if (error !== done) return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}
const done = new Error("undone");

async function exampleIds(tx: TransactionSql, books: Books): Promise<Record<string, string>> {
  const [row] = await tx<[Record<string, string>]>`
    select
      (select booking_id from private.open_payables where host_id = ${books.largestHost} order by due_at limit 1) as due,
      b.id as booking, b.guest_id as guest, p.id as payment, p.stripe_payment_intent_id as intent,
      y.id as payout, y.stripe_transfer_id as transfer
    from private.bookings b
    join public.payments p on p.booking_id = b.id
    cross join (select id, stripe_transfer_id from public.payouts order by id limit 1) y
    where b.status = 'confirmed' and b.check_in > current_date + 5
    order by b.id limit 1`;
  books.guest = row.guest ?? "";
  return { ...row, host: books.host };
}

/** Writes statistics of large tables, which the planner multiplies by the real number of pages. */
async function pretendSize(tx: TransactionSql): Promise<void> {
  for (const [table, { rows, values = {} }] of Object.entries(growing)) {
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
      select s.attrelid, s.attnum, false, 0, 16, s.n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
      from (
        select a.attrelid, a.attnum, coalesce(
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
  Plans?: Plan[];
}

function faultsOf(plan: Plan, isLimited = false, times = 1): string[] {
  // a branch for another kind of reader, which is not run
  if (plan["One-Time Filter"] !== undefined) return [];
  const { "Node Type": type, "Relation Name": table, Plans: children = [] } = plan;
  const faults: string[] = [];
  if (table !== undefined && `${plan.Schema}.${table}` in growing) {
    if (type === "Seq Scan") faults.push(`reads all of ${table}`);
    else if (/^Index/.test(type) && plan["Index Cond"] === undefined)
      faults.push(`reads all of ${plan["Index Name"]}`);
    else if (!isLimited && plan["Total Cost"] * times > budget) {
      faults.push(`${type} of ${table} costs ${Math.round(plan["Total Cost"])}, ${times} times`);
    }
  }
  const limits = (isLimited || type === "Limit") && !/Sort|Aggregate|Hash/.test(type);
  const [outer] = children;
  return faults.concat(
    ...children.map((child) =>
      faultsOf(
        child,
        limits,
        type === "Nested Loop" && child["Parent Relationship"] === "Inner"
          ? times * (outer?.["Plan Rows"] ?? 1)
          : times,
      ),
    ),
  );
}
