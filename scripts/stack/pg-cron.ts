// Runs the jobs in cron.job on schedule, in UTC and as the job's user, as pg_cron does.

import { Cron } from "croner";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { Service } from "./service.ts";

interface Job {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
}

export function createPgCron(config: StackConfig): Service {
  let sql: Sql | undefined;
  let timers: Cron[] = [];

  async function reload(): Promise<void> {
    if (sql === undefined) return;
    const [installed] = await sql`select 1 from pg_catalog.pg_extension where extname = 'pg_cron'`;
    const jobs =
      installed === undefined ? [] : await sql<Job[]>`select * from cron.job where active order by jobid`;
    for (const timer of timers) timer.stop();
    timers = jobs.flatMap((job) => schedule(job) ?? []);
  }

  function schedule(job: Job): Cron | undefined {
    // As in pg_cron, a job does not start while its last run is still going.
    const options = { timezone: "UTC", protect: true, unref: true, catch: true };
    const seconds = /^([1-9]|[1-5]\d) seconds?$/.exec(job.schedule)?.[1];
    try {
      return seconds === undefined
        ? new Cron(job.schedule, { ...options, mode: "5-part" }, () => run(job))
        : new Cron("* * * * * *", { ...options, interval: Number(seconds) }, () => run(job));
    } catch (error) {
      console.error(`pg_cron: job ${job.jobid} has an invalid schedule: ${String(error)}`);
      return undefined;
    }
  }

  async function run(job: Job): Promise<void> {
    if (sql === undefined) return;
    const admin = sql;
    const [details] =
      await admin`insert into cron.job_run_details (jobid, database, username, command, status, start_time)
      values (${job.jobid}, ${job.database}, ${job.username}, ${job.command}, 'running', now()) returning runid`;
    const { status, message } = await execute(job);
    await admin`update cron.job_run_details set status = ${status}, return_message = ${message}, end_time = now()
      where runid = ${details?.runid ?? null}`;
  }

  async function execute(job: Job): Promise<{ status: string; message: string }> {
    const connection = openDatabase(config, job.username);
    try {
      const result = await connection.unsafe(job.command);
      return { status: "succeeded", message: `${result.command ?? "OK"} ${result.count ?? ""}`.trim() };
    } catch (error) {
      return {
        status: "failed",
        message: `ERROR: ${error instanceof Error ? error.message : String(error)}`,
      };
    } finally {
      await connection.end({ timeout: 1 });
    }
  }

  return {
    name: "pg_cron",
    async start() {
      sql = openDatabase(config, "supabase_admin");
      const refresh = () => void reload().catch((error) => console.error(`pg_cron: ${String(error)}`));
      await sql.listen("staybase_cron", refresh, refresh);
    },
    async ready() {},
    async stop() {
      for (const timer of timers) timer.stop();
      timers = [];
      const ending = sql;
      sql = undefined;
      await ending?.end({ timeout: 1 });
    },
  };
}
