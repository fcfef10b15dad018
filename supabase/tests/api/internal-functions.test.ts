// Internal Edge Functions, which no person calls: they take the service key alone, and begin no run more often than its
// interval. Public functions refuse a caller without their own credentials.

import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Caller, request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { signUp, signUpOperator } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const sql = database();
afterAll(() => sql.end());

/** What each public function answers to a caller with an empty body and no credentials. */
const publicFunctions: Record<string, number> = {
  connect: 401,
  payments: 401,
  files: 401,
  statement: 405,
  metrics: 405,
  health: 405,
  "stripe-webhook": 400,
  unsubscribe: 404,
  calendar: 405,
};
const internalFunctions = await sql<
  { name: string }[]
>`select name from private.internal_functions order by name`;
const internal = internalFunctions.map(({ name }) => name);

const call = (name: string, caller: Caller, headers: Record<string, string>, method = "POST") =>
  request(caller, `/functions/v1/${name}`, { method, headers });

it("every function is internal or known to be public", () => {
  const functions = readdirSync("supabase/functions", { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map((entry) => entry.name);
  expect([...internal, ...Object.keys(publicFunctions)].sort()).toEqual(functions.sort());
  expect(internal).toEqual([
    "deliver-webhooks",
    "money-worker",
    "reconcile",
    "remove-objects",
    "send-mails",
    "sync-feeds",
  ]);
});

describe("who may call", () => {
  const callers: Record<string, Caller> = {};
  beforeAll(async () => {
    const [guest, host, operator] = await Promise.all([signUp("Ben"), signUp("Ana"), signUpOperator()]);
    await createBookable(host);
    Object.assign(callers, { guest, host, operator });
  });

  it.each(internal)("%s refuses everyone without the service key", async (name) => {
    const runs = () =>
      sql`select number, started_at, lease from private.internal_runs where function_name = ${name}`;
    // the clock and other tests call the other functions meanwhile
    const before = await runs();
    const answers = {
      "no one": await fetch(`${stack.apiUrl}/functions/v1/${name}`, { method: "POST" }),
      "publishable key": await call(name, undefined, {}),
      "legacy anon key": await call(name, undefined, {
        apikey: stack.anonKey,
        authorization: `Bearer ${stack.anonKey}`,
      }),
      guest: await call(name, callers.guest, {}),
      host: await call(name, callers.host, {}),
      operator: await call(name, callers.operator, {}),
      "a wrong secret key": await call(name, undefined, { apikey: `${stack.secretKey}x` }),
      "a forged service role": await call(name, undefined, {
        authorization: `Bearer ${stack.serviceRoleKey.slice(0, -2)}`,
      }),
      "the key as another header": await call(name, undefined, { "x-api-key": stack.secretKey }),
    };
    for (const [who, response] of Object.entries(answers)) {
      expect([who, response.status, ((await response.json()) as { code: string }).code]).toEqual([
        who,
        401,
        "service_key_required",
      ]);
    }
    if (name === "reconcile") expect([...(await runs())]).toEqual([...before]);
  });

  it.each(internal)("%s takes the secret key and the legacy service role", async (name) => {
    for (const headers of [
      { apikey: stack.secretKey },
      { authorization: `Bearer ${stack.serviceRoleKey}` },
    ] as Record<string, string>[]) {
      await sql`update private.internal_runs set started_at = '-infinity' where function_name = ${name}`;
      expect([200, 202]).toContain((await call(name, undefined, headers)).status);
      await until(async () => {
        const running =
          await sql`select from private.internal_runs where function_name = ${name} and lease is not null`;
        return running.length === 0;
      }, "the end of the run");
    }
    expect((await call(name, undefined, { apikey: stack.secretKey }, "GET")).status).toBe(405);
  });

  it.each(Object.entries(publicFunctions))(
    "%s refuses a caller without credentials with %i",
    async (name, status) => {
      for (const headers of [{}, { apikey: stack.anonKey }] as Record<string, string>[]) {
        expect((await call(name, undefined, headers)).status).toBe(status);
      }
    },
  );
});

describe("runs", () => {
  const runsOf = async () => {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from private.reconciliations`;
    return row?.count ?? 0;
  };
  const reconcile = () => call("reconcile", undefined, { apikey: stack.secretKey });
  const makeDue = () =>
    sql`update private.internal_runs set started_at = '-infinity' where function_name = 'reconcile'`;

  it("20 calls of reconcile at once are one run", async () => {
    await makeDue();
    const before = await runsOf();
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await reconcile()).status));
    expect(await runsOf()).toBe(before + 1);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 202 || status === 429)).toHaveLength(19);
  });

  it("a call before the interval is over says when to call again", async () => {
    await sql`update private.internal_runs set started_at = now() - interval '4 minutes' where function_name = 'reconcile'`;
    const before = await runsOf();
    const response = await reconcile();
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      429,
      "called_too_early",
    ]);
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(350);
    expect(seconds).toBeLessThanOrEqual(360);
    expect(await runsOf()).toBe(before);
  });

  it("the database calls it with the key of Vault, a second early and without a step by hand", async () => {
    await sql`update private.internal_runs r
      set started_at = clock_timestamp() - f.every + interval '900 milliseconds'
      from private.internal_functions f where f.name = 'reconcile' and r.function_name = f.name`;
    const before = await runsOf();
    await sql.begin(async (tx) => {
      await tx`set local session authorization postgres`;
      await tx`select private.wake_worker('reconcile')`;
    });
    await until(async () => (await runsOf()) === before + 1, "the run that the database asked for");
  });
});
