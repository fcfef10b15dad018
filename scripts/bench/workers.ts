// Measures background work by the number of workers: webhooks that one, two and four runs of the money worker apply in a second, with a
// Stripe that answers at once and one at a distance; then jobs a second, shares and reads of a queue.

import type { Sql } from "postgres";
import Stripe from "stripe";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { pagesRead } from "../lib/pages-read.ts";
import { emulatorKeys } from "../stack/stripe/emulator.ts";
import { withTestStack } from "../test/stack.ts";
import type { Figure } from "./figures.ts";
import { beginPayments, control, pay, untilApplied } from "./payments.ts";

/** Bookings whose webhooks are applied at once; four runs hold 80. */
const bookings = 80;
/** Milliseconds that Stripe takes for each request in addition to the emulator's own time. */
const delays = [0, 250];
const runs = [1, 2, 4];
const jobs = 10_000;

/** @param size number of jobs in the long queue */
export function benchWorkers(size = 1_000_000): Promise<Figure[]> {
  return withTestStack((config) => measure(config, size));
}

async function measure(config: StackConfig, size: number): Promise<Figure[]> {
  const admin = openDatabase(config, "supabase_admin", { max: 4 });
  try {
    return [...(await benchMoney(admin, config)), ...(await benchQueue(admin, config, size))];
  } finally {
    await admin.end();
  }
}

async function benchMoney(admin: Sql, config: StackConfig): Promise<Figure[]> {
  const { hostname, port } = new URL(config.stripeUrl);
  const stripe = new Stripe(emulatorKeys.secret, { host: hostname, port: Number(port), protocol: "http" });
  for (const payment of await beginPayments(admin, stripe, bookings)) await pay(stripe, payment);
  await control(config, "settle", {});
  await untilApplied(admin);
  const figures: Figure[] = [];
  for (const delay of delays) {
    for (const count of runs) {
      const rate = await applyAgain(admin, config, count, delay);
      const name = `webhooks, ${count} ${count === 1 ? "run" : "runs"}, Stripe takes ${delay} ms more`;
      figures.push({ name, value: rate, unit: "a second" });
    }
  }
  const [open] = await admin`select count(*)::int as count from private.stripe_tasks where done_at is null`;
  return [...figures, { name: "webhooks not applied", value: open?.count, unit: "", budget: 0 }];
}

/** Has all stored webhooks applied once more, and returns the number per second. */
async function applyAgain(admin: Sql, config: StackConfig, count: number, delay: number): Promise<number> {
  await control(config, "faults", [
    { match: "GET /v1/", kind: "delay", milliseconds: delay, times: delay === 0 ? 0 : 1e9 },
  ]);
  await admin`update private.internal_functions set runs = ${count} where name = 'money-worker'`;
  // ends the waiting time of runs above this number
  await admin`delete from private.internal_runs where function_name = 'money-worker'`;
  const since = performance.now();
  const tasks =
    await admin`update private.stripe_tasks set done_at = null, run_at = now() where kind = 'event' returning id`;
  await admin.begin(async (tx) => {
    await tx`set local session authorization postgres`;
    await tx`select private.wake_money_worker()`;
  });
  await untilApplied(admin);
  return tasks.length / ((performance.now() - since) / 1000);
}

async function benchQueue(admin: Sql, config: StackConfig, size: number): Promise<Figure[]> {
  await admin.begin(async (tx) => {
    await tx`set local session authorization postgres`;
    await tx`select pgmq.create('bench')`;
  });
  await admin`insert into private.job_queues (queue, worker) values ('bench', 'no-such-worker')`;
  const figures: Figure[] = [];
  for (const count of [2, 20]) figures.push(...(await workOff(admin, config, count)));

  const fill = (at: string, count: number) => admin`
    insert into pgmq.q_bench (vt, message) select now() + ${at}::interval, jsonb_build_object('n', n) from generate_series(1, ${count}::integer) n`;
  const measureTake = async (name: string): Promise<Figure> => {
    await admin`vacuum analyze pgmq.q_bench`;
    await takePages(admin);
    return { name: `10 jobs taken, ${name}`, value: await takePages(admin), unit: "pages", budget: 500 };
  };
  await fill("-1 minute", 100);
  figures.push(await measureTake("of 100"));
  await admin`truncate pgmq.q_bench`;
  await fill("1 day", size);
  await fill("-1 minute", 100);
  figures.push(await measureTake(`of 100 behind ${size} delayed`));
  await admin`update pgmq.q_bench set vt = now() - interval '1 minute'`;
  figures.push(await measureTake(`of ${size}`));
  return figures;
}

async function takePages(admin: Sql): Promise<number> {
  const connection = await admin.reserve();
  try {
    await pagesRead(connection, "select * from public.take_jobs('bench', 10)");
    return await pagesRead(connection, "select * from public.take_jobs('bench', 10)");
  } finally {
    connection.release();
  }
}

/** Lets workers take and finish all jobs of a queue, ten at a time, each on a connection of its own. */
async function workOff(admin: Sql, config: StackConfig, count: number): Promise<Figure[]> {
  await admin`select pgmq.send('bench', jsonb_build_object('n', n)) from generate_series(1, ${jobs}::integer) n`;
  const workers = Array.from({ length: count }, () => openDatabase(config, "supabase_admin", { max: 1 }));
  try {
    await Promise.all(workers.map((worker) => worker`select`));
    const since = performance.now();
    const done = await Promise.all(
      workers.map(async (worker) => {
        for (let finished = 0; ; ) {
          const [row] = await worker<{ taken: number; finished: number }[]>`
            select count(*)::int as taken, count(*) filter (where public.finish_job('bench', t.job_id, t.attempt))::int as finished
            from public.take_jobs('bench', 10) t`;
          finished += row?.finished ?? 0;
          if (!row?.taken) return finished;
        }
      }),
    );
    const seconds = (performance.now() - since) / 1000;
    const sum = done.reduce((total, each) => total + each, 0);
    return [
      { name: `jobs, ${count} workers`, value: sum / seconds, unit: "a second" },
      { name: `jobs, ${count} workers, not done or done twice`, value: jobs - sum, unit: "", budget: 0 },
      {
        name: `jobs, ${count} workers, least for one`,
        value: (100 * Math.min(...done) * count) / sum,
        unit: "% of a fair share",
      },
    ];
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}
