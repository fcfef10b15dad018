// Measures the money paths on large books, as processor time of the backend in reads of a property by primary key.

import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { Books } from "./books.ts";
import { cpuTimes, keyRead, medianCpu } from "./cpu.ts";
import { percentile } from "./facts.ts";
import type { Figure } from "./figures.ts";

/** Milliseconds of the backend, and the budget in reads by primary key. */
interface Measured {
  name: string;
  milliseconds: number;
  budget?: number;
}

export async function benchMoneyAtSize(config: StackConfig, books: Books): Promise<Figure[]> {
  const reader = openDatabase(config, "supabase_admin");
  const owner = openDatabase(config, "postgres");
  try {
    const read = await keyRead(reader);
    const measured = [
      ...(await benchStatements(reader, books)),
      ...(await benchReleases(owner, books)),
      ...(await benchStripe(owner)),
      ...(await benchSweeps(owner)),
    ];
    return [
      { name: "read by primary key, median", value: read * 1000, unit: "us" },
      ...measured.map(
        ({ name, milliseconds, budget }): Figure => ({
          name,
          value: milliseconds / read,
          unit: "reads",
          ...(budget === undefined ? {} : { budget }),
        }),
      ),
    ];
  } finally {
    await Promise.all([owner.end(), reader.end()]);
  }
}

async function benchStatements(sql: Sql, { largestHost, host, guest }: Books): Promise<Measured[]> {
  const [middle] = await sql<{ id: string }[]>`
    select percentile_disc(0.5) within group (order by id) as id from private.ledger_entries where party_id = ${largestHost}`;
  const before = middle?.id ?? "0";
  const statement = (last: string) =>
    sql`select * from public.host_statement where id < ${last} order by id desc limit 50`;
  const money = () => sql`select * from public.booking_money order by id desc limit 50`;
  const end = "9223372036854775807";
  const pages: [name: string, person: string, read: () => Promise<unknown>][] = [
    ["statement, host of 20,000 entries", largestHost, () => statement(end)],
    ["statement, the middle of it", largestHost, () => statement(before)],
    ["statement, another host", host, () => statement(end)],
    ["statement, no order", host, () => sql`select * from public.host_statement limit 50`],
    ["booking_money, host of 20,000 entries", largestHost, money],
    ["booking_money, guest", guest, money],
  ];
  const measured: Measured[] = [];
  for (const [name, person, read] of pages) {
    await actAs(sql, person);
    measured.push({ name: `${name}, 50 lines`, milliseconds: await medianCpu(sql, read), budget: 200 });
    await sql`reset role`;
  }
  await actAs(sql, largestHost);
  for (const [name, after] of [
    ["first", "0"],
    ["middle", before],
  ] as const) {
    const page = () =>
      sql`select x::text from (select * from public.host_statement where id > ${after} order by id limit 1000) x`;
    measured.push({
      name: `statement as a file, ${name} 1,000 lines`,
      milliseconds: await medianCpu(sql, page),
    });
  }
  await sql`reset role`;
  return measured;
}

async function actAs(sql: Sql, person: string): Promise<void> {
  const claims = JSON.stringify({ sub: person, role: "authenticated" });
  await sql`select set_config('request.jwt.claims', ${claims}, false)`;
  await sql`set role authenticated`;
}

async function benchReleases(sql: Sql, { largestHost }: Books): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const [name, isLargest] of [
    ["release of a payout", false],
    ["release, host of 800 open payables", true],
  ] as const) {
    const due = await sql<{ id: string }[]>`
      select booking_id as id from private.open_payables
      where due_at <= now() and (host_id = ${largestHost}) = ${isLargest} order by due_at, booking_id limit 40`;
    const release = (n: number) => sql`select private.release_payout(${due[n]?.id ?? ""}, now())`;
    measured.push({
      name,
      milliseconds: await medianCpu(sql, release, { runs: 20, warmUp: 20 }),
      budget: 60,
    });
  }
  return measured;
}

/** What Stripe reports: each call for a booking of its own, with its commit. */
async function benchStripe(sql: Sql): Promise<Measured[]> {
  const payouts = await sql<
    { id: string }[]
  >`select id from public.payouts where status = 'pending' order by id limit 40`;
  const payments = await sql<{ intent: string }[]>`
    select p.stripe_payment_intent_id as intent
    from private.open_payables o join public.payments p on p.booking_id = o.booking_id
    where o.due_at > now() order by o.due_at, o.booking_id limit 120`;
  const of = (n: number) => payments[n]?.intent ?? "";
  const moved = (n: number, net: number) => ({
    id: `txn_bench_${n}`,
    currency: "eur",
    amount: net,
    fee: 0,
    net,
  });
  const created = 1_800_000_000;
  const calls: [name: string, call: (n: number) => Promise<unknown>][] = [
    [
      "transfer applied",
      (n) =>
        sql`select public.apply_transfer(${sql.json({
          id: `tr_bench_${n}`,
          payout_id: payouts[n]?.id ?? "",
          amount: 28_000,
          currency: "eur",
          created,
          balance_transaction: `txn_tr_${n}`,
          reversals: [],
        })})`,
    ],
    [
      "payment applied again",
      (n) =>
        sql`select public.apply_payment_intent(${sql.json({
          id: of(n),
          payment_id: null,
          status: "succeeded",
          amount: 30_000,
          amount_received: 30_000,
          currency: "eur",
          created,
        })})`,
    ],
    [
      "refund at Stripe applied",
      (n) =>
        sql`select public.apply_refund(${sql.json({
          id: `re_bench_${n}`,
          payment_intent: of(40 + n),
          status: "succeeded",
          amount: 1000,
          currency: "eur",
          created,
          settlement: moved(n, -1000),
        })})`,
    ],
    [
      "dispute lost",
      (n) =>
        sql`select public.apply_dispute(${sql.json({
          id: `dp_bench_${n}`,
          payment_intent: of(80 + n),
          status: "lost",
          reason: "fraudulent",
          amount: 30_000,
          currency: "eur",
          created,
          movements: [{ ...moved(1000 + n, -30_000), created }],
        })})`,
    ],
    [
      "event stored",
      (n) =>
        sql`select public.store_stripe_event(${sql.json({ id: `evt_bench_${n}`, type: "charge.updated", created })})`,
    ],
    ["20 Stripe tasks taken", () => sql`select public.take_stripe_tasks(20)`],
  ];
  const measured: Measured[] = [];
  for (const [name, call] of calls) {
    const milliseconds = await medianCpu(sql, call, { runs: 20, warmUp: 20 });
    measured.push({ name, milliseconds });
  }
  // the worker would look for the objects of these events at Stripe
  await sql`delete from private.stripe_tasks where starts_with(subject, 'evt_bench_')`;
  await sql`delete from private.stripe_events where starts_with(id, 'evt_bench_')`;
  const [ledger] = await sql<{ lines: number; since: Date }[]>`
    select count(*)::integer as lines, now() - interval '1 day' as since from private.ledger_transactions
    where stripe_id is not null and occurred_at >= now() - interval '1 day'`;
  const reconcile = () => sql`select public.reconcile_ledger('[]', ${ledger?.since ?? new Date()})`;
  const [milliseconds = 0] = await cpuTimes(sql, [reconcile]);
  const lines = ledger?.lines ?? 1;
  measured.push({ name: `${lines} lines compared, for each`, milliseconds: milliseconds / lines });
  return measured;
}

/** Sweeps of payouts: while thousands are due, and when none is. */
async function benchSweeps(sql: Sql): Promise<Measured[]> {
  const sweep = () => sql`select private.release_payouts(now())`;
  const [due] = await sql<{ count: number }[]>`
    select count(*)::integer as count from private.open_payables where due_at <= now()`;
  const sweeps = Math.ceil((due?.count ?? 0) / 200);
  const times = await cpuTimes(
    sql,
    Array.from({ length: sweeps }, () => sweep),
  );
  // looks at the payables that the sweeps have changed, until nothing is left
  for (let count = 0; count < 2 * sweeps; count += 1) await sweep();
  return [
    { name: `sweep with ${due?.count} due, for each`, milliseconds: percentile(times, 50) / 200, budget: 60 },
    { name: "the slowest of these sweeps, for each", milliseconds: Math.max(...times) / 200, budget: 60 },
    { name: "sweep with nothing to do", milliseconds: await medianCpu(sql, sweep), budget: 50 },
  ];
}
