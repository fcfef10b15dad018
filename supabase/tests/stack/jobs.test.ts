// What the stack does in place of Supabase's background workers: due cron jobs and queued HTTP requests.

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { database } from "../support/database.ts";
import { until } from "../support/time.ts";

const sql = database();
afterAll(() => sql.end());

describe("cron", () => {
  it("runs a due job as its owner, again and again, and keeps what came of it", async () => {
    await sql.begin(async (tx) => {
      await tx`set local session authorization postgres`;
      await tx`select cron.schedule('tick', '1 second', 'select current_user')`;
    });
    const runs = await until(async () => {
      const rows =
        await sql`select d.username, d.status, d.return_message, d.end_time >= d.start_time as ended
        from cron.job_run_details d join cron.job using (jobid) where jobname = 'tick' and d.status <> 'running'`;
      return rows.length >= 2 ? rows : undefined;
    }, "two runs");
    expect(runs[0]).toEqual({
      username: "postgres",
      status: "succeeded",
      return_message: "SELECT 1",
      ended: true,
    });
    await sql.begin(async (tx) => {
      await tx`set local session authorization postgres`;
      await tx`select cron.unschedule('tick')`;
    });
  });

  it("keeps the error of a job that fails", async () => {
    await sql`select cron.schedule('broken', '1 second', 'select 1 / 0')`;
    const [run] = await until(async () => {
      const rows =
        await sql`select status, return_message from cron.job_run_details join cron.job using (jobid)
        where jobname = 'broken' and status = 'failed'`;
      return rows.length > 0 ? rows : undefined;
    }, "a failed run");
    expect(run).toEqual({ status: "failed", return_message: "ERROR: division by zero" });
    await sql`select cron.unschedule('broken')`;
  });

  it("ends a periodic task at its time limit, and runs the others", async () => {
    await sql`insert into private.periodic_tasks (name, command, every, time_limit) values
      ('_a_hangs', 'select pg_sleep(60)', '1 hour', '1 second'), ('_b_fails', 'select 1 / 0', '1 hour', '1 minute'),
      ('_c_works', 'create table public.task_did_this ()', '1 hour', '1 minute')`;
    await sql`select cron.schedule('tasks', '1 second', command) from cron.job where jobname = 'run-periodic-tasks-1'`;
    const tasks = await until(async () => {
      const rows = await sql`select t.name, t.last_error, t.last_error_at = t.last_run_at as failed
        from public.periodic_tasks() t where starts_with(t.name, '_') and t.last_run_at is not null order by t.name`;
      return rows.length === 3 ? rows : undefined;
    }, "three tasks that have run");
    expect([...tasks]).toEqual([
      { name: "_a_hangs", last_error: "It did not end within 00:00:01.", failed: true },
      { name: "_b_fails", last_error: "division by zero", failed: true },
      { name: "_c_works", last_error: null, failed: null },
    ]);
    // The run that the limit ended lost its connection.
    await until(async () => {
      const rows = await sql`select from cron.job_run_details
        where command like '%private.begin_periodic_task%' and status = 'failed'`;
      return rows.length > 0;
    }, "a failed run of the cron job");
    await sql`select cron.unschedule('tasks')`;
    await sql`delete from private.periodic_tasks where starts_with(name, '_')`;
    await sql`drop table public.task_did_this`;
  });

  it("lets tasks that hang delay no other, and runs no task twice at once", async () => {
    const run = (schedule: string) =>
      sql`update cron.job set schedule = ${schedule} where starts_with(jobname, 'run-periodic-tasks')`;
    await sql`create table public.task_runs (task text, since timestamptz, until timestamptz)`;
    await sql`grant insert on public.task_runs to postgres`;
    const works = (task: string) =>
      `with w as (select clock_timestamp() as since, pg_sleep(0.3)) insert into public.task_runs select '${task}', since, clock_timestamp() from w`;
    await sql`insert into private.periodic_tasks (name, command, every, time_limit) values
      ('_a_hangs', 'select pg_sleep(600)', '1 hour', '5 minutes'), ('_b_hangs', 'select pg_sleep(600)', '1 hour', '5 minutes'),
      ('_c_works', ${works("c")}, '1 second', '1 minute'), ('_d_works', ${works("d")}, '1 second', '1 minute')`;
    await run("1 second");
    await until(
      async () => {
        const runs = await sql`select task from public.task_runs group by task having count(*) >= 4`;
        return runs.length === 2;
      },
      "four runs of both tasks that work",
      60_000,
    );
    const hanging = await sql`select pid from pg_catalog.pg_stat_activity
      where query ~ 'begin_periodic_task' and wait_event = 'PgSleep' and now() - xact_start > '2 seconds'`;
    expect(hanging).toHaveLength(2);
    const [overlapping] = await sql`select count(*)::int as runs from public.task_runs r
      join public.task_runs s on s.task = r.task and s.since > r.since and s.since < r.until`;
    expect(overlapping?.runs).toBe(0);
    const failed =
      await sql`select name from private.periodic_tasks where name in ('_c_works', '_d_works') and last_error is not null`;
    expect([...failed]).toEqual([]);
    await sql`delete from private.periodic_tasks where name in ('_c_works', '_d_works')`;
    for (const { pid } of hanging) await sql`select pg_terminate_backend(${pid})`;
    await run("10 seconds");
    await until(async () => {
      const deleted =
        await sql`delete from private.periodic_tasks where starts_with(name, '_') returning name`;
      return deleted.length === 2;
    }, "the end of the tasks that hang");
    await sql`drop table public.task_runs`;
  }, 90_000);

  it("refuses to unschedule what is not there", async () => {
    await expect(sql`select cron.unschedule('nothing')`).rejects.toThrow(
      "could not find valid entry for job 'nothing'",
    );
  });
});

describe("net", () => {
  it("sends a request after the commit, and keeps the answer", async () => {
    const received: { request: IncomingMessage; body: string }[] = [];
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      received.push({ request, body });
      response.setHeader("content-type", "application/json").writeHead(201).end('{"ok":true}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;

    const [posted] = await sql`select net.http_post(${url}, '{"n": 1}'::jsonb, '{"q": "x"}'::jsonb) as id`;
    const [answer] = await until(async () => {
      const rows =
        await sql`select status_code, content, timed_out from net._http_response where id = ${posted?.id}`;
      return rows.length > 0 ? rows : undefined;
    }, "the answer");
    expect(answer).toEqual({ status_code: 201, content: '{"ok":true}', timed_out: false });
    expect([received[0]?.request.method, received[0]?.request.url, received[0]?.body]).toEqual([
      "POST",
      "/hook?q=x",
      '{"n": 1}',
    ]);
    server.close();
  });

  it("sends nothing when the transaction is rolled back", async () => {
    const queued = sql.begin(async (tx) => {
      await tx`select net.http_get('http://127.0.0.1:9/')`;
      throw new Error("rolled back");
    });
    await expect(queued).rejects.toThrow("rolled back");
    expect(await sql`select 1 from net.http_request_queue`).toHaveLength(0);
  });

  it("keeps the error of a request that cannot be sent", async () => {
    const [queued] = await sql`select net.http_get('http://127.0.0.1:9/') as id`;
    const [answer] = await until(async () => {
      const rows = await sql`select status_code, error_msg from net._http_response where id = ${queued?.id}`;
      return rows.length > 0 ? rows : undefined;
    }, "the error");
    expect(answer?.status_code).toBeNull();
    expect(answer?.error_msg).toMatch(/fetch failed|bad port/);
  });
});
