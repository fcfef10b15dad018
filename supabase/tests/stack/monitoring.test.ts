// Monitoring as an operator has it: functions/v1/metrics and /health of a stack of its own, whose log is archived; and three faults, each
// of which the named alert sees in what the endpoint really says.
// @module-tag embedded

import { chmodSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBackupSettings, spoolFolder, writeBackupSettings } from "../../../scripts/backup/settings.ts";
import { dashboards } from "../../../scripts/generate/dashboards.ts";
import type { StackConfig } from "../../../scripts/lib/config.ts";
import { openDatabase } from "../../../scripts/lib/database.ts";
import { mostSeries } from "../../../scripts/stack/http-metrics.ts";
import { runningParts } from "../../../scripts/stack/parts.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { alertRules } from "../support/alerts.ts";
import { withoutTriggers } from "../support/database.ts";
import { evaluate, metricsIn, type Series, seriesOf } from "../support/promql.ts";
import { until } from "../support/time.ts";

const token = "staybase-local-metrics";
const secretKey = "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz";
const openMetrics = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
let config: StackConfig;
let stack: Stack | undefined;
let sql: Sql;
let spool: string;

beforeAll(async () => {
  config = await testConfig();
  writeBackupSettings(config.dataDir, join(config.dataDir, "backups"), false);
  stack = await startStack(config);
  spool = spoolFolder(config.dataDir, readBackupSettings(config.dataDir)?.line ?? ""); // a new cluster begins a new line
  sql = openDatabase(config, "supabase_admin");
}, 300_000);
afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await stack?.stop();
  removeTestData(config);
});

const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  fetch(`http://127.0.0.1:${config.ports.api}${path}`, { method, headers });
const scrape = (headers: Record<string, string> = {}) =>
  get("/functions/v1/metrics", { authorization: `Bearer ${token}`, ...headers });

async function graphql(query: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${config.ports.api}/graphql/v1`, {
    method: "POST",
    headers: { apikey: secretKey, "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

/** The series after a collection. */
async function collect(): Promise<Series[]> {
  await sql`select private.check_ledger()`;
  await sql`select private.collect_metrics()`;
  const response = await scrape();
  expect(response.status).toBe(200);
  return seriesOf(await response.text(), Date.now() / 1000);
}

/** The alerts whose condition is true now. */
async function truth(): Promise<string[]> {
  const series = await collect();
  return alertRules
    .filter(({ expr }) => evaluate(expr, series, Date.now() / 1000).length > 0)
    .map(({ alert }) => alert);
}

describe("metrics", () => {
  it("need their own token", async () => {
    for (const authorization of ["", `Bearer ${token}x`, `Bearer ${secretKey}`]) {
      const response = await scrape({ authorization });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "metrics_token_required" });
    }
  });

  it("are Prometheus text, or OpenMetrics for a caller that accepts it, with the same series", async () => {
    await collect();
    const text = await scrape();
    const open = await scrape({ accept: openMetrics });
    const again = await scrape();
    expect(text.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(open.headers.get("content-type")).toMatch(/^application\/openmetrics-text/);
    const openText = await open.text();
    expect(openText.match(/# EOF/g)).toHaveLength(1);
    expect(openText.endsWith("# EOF\n")).toBe(true);
    const namesOf = (body: string) => new Set(seriesOf(body, 0).map(({ name }) => name));
    const names = namesOf(await text.text());
    expect(namesOf(openText)).toEqual(names);
    expect(namesOf(await again.text())).toEqual(names);
    expect([...names]).toContain("staybase_http_requests_total");
  });

  it("have labels from closed sets and fewer than 500 series, whatever clients ask for", async () => {
    const id = "7d1bb3a2-2c9c-4c3a-9f0d-0123456789ab";
    for (const path of [
      `/rest/v1/properties?id=eq.${id}`,
      `/rest/v1/${id}`,
      `/functions/v1/${id}`,
      `/auth/v1/ana@example.com`,
      `/storage/v1/object/public/${id}/ana@example.com`,
      `/${id}/ana@example.com`,
    ])
      for (const method of ["GET", "PUT", "PURGE"]) await (await get(path, {}, method)).text();
    const series = await collect();
    for (const { labels } of series)
      for (const value of Object.values(labels))
        expect(value).toMatch(
          /^([a-z][a-z_-]*|GET|POST|PUT|PATCH|DELETE|[2-5]xx|[\d.]+|\+Inf|\/[a-z0-9_/{}-]*)$/,
        );
    expect(JSON.stringify(series)).not.toMatch(/@|7d1bb3a2/);
    const ofDatabase = series.filter(({ name }) => !name.startsWith("staybase_http_"));
    expect(ofDatabase.length + mostSeries).toBeLessThan(500);
  });

  it("have every series that alerts and dashboards name", async () => {
    const names = new Set((await collect()).map(({ name }) => name).concat("up"));
    const expressions = [
      ...alertRules.map(({ expr }) => expr),
      ...dashboards.flatMap(({ rows }) =>
        Object.values(rows).flatMap((panels) => panels.flatMap(({ queries }) => Object.values(queries))),
      ),
    ];
    expect(expressions.flatMap(metricsIn).filter((name) => !names.has(name))).toEqual([]);
    const shown = new Set(
      expressions.flatMap(metricsIn).map((name) => name.replace(/_(bucket|count|sum)$/, "")),
    );
    const unused = [...names]
      .map((name) => name.replace(/_(bucket|count|sum)$/, ""))
      .filter((name) => !shown.has(name));
    expect(unused).toEqual([]);
  });
});

describe("faults", () => {
  beforeAll(async () => {
    await sql`select pg_switch_wal()`;
    await until(async () => {
      const [row] = await sql`select archived_count > 0 as archived from pg_stat_archiver`;
      return row?.archived;
    }, "the first archived file");
    await get("/functions/v1/reconcile", { apikey: secretKey }, "POST"); // the clock may have begun it before
    await until(async () => (await sql`select from private.reconciliations`).length > 0, "a reconciliation");
  });

  it("none: no alert is true", async () => {
    await expect.poll(truth, { timeout: 30_000 }).toEqual([]);
  });

  it("an entry that was forced into the ledger", async () => {
    await withoutTriggers(sql, async (tx) => {
      await tx`with made as (
          insert into private.ledger_transactions (key, kind, description, occurred_at) values ('forced', 'correction', 'Forced', now()) returning id
        )
        insert into private.ledger_entries (transaction_id, account_id, amount, purpose, currency)
        select made.id, private.ledger_account('platform_fee', null, 'EUR'), 500, 'platform_fee', 'EUR' from made`;
    });
    expect(await truth()).toEqual(["LedgerUnbalanced"]);
    await withoutTriggers(sql, (tx) => tx`delete from private.ledger_entries where amount = 500`);
    expect(await truth()).toEqual([]);
  });

  it("a worker that cannot be reached", async () => {
    const [setting] = await sql`select value from private.settings where name = 'functions_url'`;
    await sql`update private.settings set value = 'http://127.0.0.1:9' where name = 'functions_url'`;
    await sql`select pgmq.send('mails', '{"digest_of": null}')`;
    expect(await truth()).toEqual([]);
    await sql`update pgmq.q_mails set vt = now() - interval '6 minutes'`;
    expect(await truth()).toEqual(["QueueStuck"]);
    expect(await (await get("/health")).json()).toMatchObject({
      ready: false,
      parts: { mail: false, rest: true },
    });
    await sql`update private.settings set value = ${setting?.value} where name = 'functions_url'`;
    await sql`select private.wake_workers()`; // what the clock does every ten seconds
    await expect.poll(truth, { timeout: 30_000 }).toEqual([]);
  });

  it("none while all is paused, although nothing runs: a pause is meant", async () => {
    await sql`insert into public.operation_pauses (operation, reason) values ('all', 'A look at the ledger.')`;
    const series = seriesOf(await (await scrape()).text(), Date.now() / 1000 + 400);
    const firing = alertRules.filter(
      ({ expr }) => evaluate(expr, series, Date.now() / 1000 + 400).length > 0,
    );
    expect(firing.map(({ alert }) => alert)).toEqual(["PausedForLong"]);
    expect(await (await get("/health")).json()).toMatchObject({ ready: true });
    expect(
      await graphql(
        'mutation { pauseOperation(pOperation: "payouts", pReason: "Later.") { edges { node { id } } } }',
      ),
    ).toEqual({
      data: null,
      errors: [{ message: "This platform is paused. Nothing was changed." }],
    });
    expect(await graphql("{ currenciesCollection(first: 1) { edges { node { code } } } }")).toMatchObject({
      data: { currenciesCollection: { edges: [{}] } },
    });
    await sql`update public.operation_pauses set resumed_at = now(), note = 'It is right.'`;
    await expect.poll(truth, { timeout: 60_000 }).toEqual([]);
  });

  it("an archive folder that cannot be written", async () => {
    chmodSync(spool, 0o500);
    await sql`select pg_logical_emit_message(true, 'test', 'something to archive')`;
    await sql`select pg_switch_wal()`;
    await expect.poll(truth, { timeout: 30_000 }).toEqual(["WalArchiveFailing"]);
    chmodSync(spool, 0o700);
  });
});

describe("health", () => {
  const partsOf = async (path = "/health/ready") => {
    const response = await get(path);
    const { alive, ready, parts } = (await response.json()) as {
      alive: boolean;
      ready: boolean;
      parts: Record<string, boolean>;
    };
    expect([alive, response.status]).toEqual([true, ready ? 200 : 503]);
    return Object.keys(parts).filter((part) => !parts[part]);
  };
  const everyPart = ["auth", "cron", "database", "functions", "mail", "rest", "storage"];

  it("says that every part works, without a key and without secrets", async () => {
    await until(async () => (await partsOf()).length === 0, "a stack that is ready");
    for (const path of ["/health", "/health/ready"]) {
      const body = await (await get(path)).json();
      expect(Object.keys(body as object)).toEqual(["alive", "ready", "parts"]);
      expect(Object.keys((body as { parts: object }).parts).sort()).toEqual(everyPart);
    }
    expect(await (await get("/health/live")).json()).toEqual({ alive: true });
    expect((await get("/health/x")).status).toBe(404);
  });

  it("is a function, too, for hosted projects", async () => {
    const response = await get("/functions/v1/health");
    expect([response.status, await response.json()]).toEqual([
      200,
      {
        alive: true,
        ready: true,
        parts: Object.fromEntries(
          everyPart.filter((part) => part !== "functions").map((part) => [part, true]),
        ),
      },
    ]);
    expect(await (await get("/functions/v1/health/live")).json()).toEqual({ alive: true });
  });

  it.each(["rest", "mail"])("names %s when its process was killed, and recovers", async (name) => {
    await until(async () => {
      const part = runningParts(config.dataDir).find((one) => one.name === name);
      if (part !== undefined) process.kill(part.pid, "SIGKILL");
      return (await partsOf()).includes(name) && (await get("/health/live")).ok;
    }, `${name} to be named`);
    await until(async () => (await partsOf()).length === 0, `${name} to return`);
  });

  it("names cron when no periodic task runs", async () => {
    await sql`update cron.job set active = false`;
    await until(async () => {
      await sql`update private.periodic_tasks set started_at = null, last_run_at = now() - interval '2 minutes'`;
      return (await partsOf()).includes("cron");
    }, "cron to be named");
    expect(await partsOf("/functions/v1/health")).toEqual(["cron"]);
  });
});
