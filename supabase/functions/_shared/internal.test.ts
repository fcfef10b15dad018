// The layer of internal functions: who may call, one run at a time, and calls that come too early.

import assert from "node:assert/strict";
import { serviceOnly } from "./authenticate.ts";
import { serviceKeys } from "./environment.ts";
import { createInternalFunction, type Runs } from "./internal.ts";
import { internalOf, serviceCall } from "./internal-fixture.ts";

function setUp(runs: Partial<Runs> = {}, work = async () => ({ done: true })) {
  const waited: Promise<unknown>[] = [];
  const logged: string[] = [];
  const handle = createInternalFunction({
    internal: internalOf(runs),
    work,
    log: (message, level) => void (level === "info" || logged.push(message)),
    waitUntil: (promise) => void waited.push(promise),
  });
  return { handle, waited, logged };
}

const call = (headers: Record<string, string>, method = "POST") =>
  new Request("http://functions/f", { method, headers });

Deno.test("takes each service key, in both headers, and no other key", async () => {
  const authenticate = serviceOnly(["sb_secret_a", "sb_secret_b", "legacy.jwt.key"]);
  const accepts = (headers: Record<string, string>) =>
    authenticate(call(headers)).then(
      () => true,
      ({ status, body }) => `${status} ${body.code}`,
    );
  for (const key of ["sb_secret_a", "sb_secret_b", "legacy.jwt.key"]) {
    assert.equal(await accepts({ apikey: key }), true);
    assert.equal(await accepts({ authorization: `Bearer ${key}` }), true);
  }
  for (const key of [
    "",
    "sb_secret_",
    "sb_secret_aa",
    "sb_secret_A",
    "legacy.jwt.kex",
    "undefined",
    "null",
  ]) {
    assert.equal(await accepts({ apikey: key, authorization: `Bearer ${key}` }), "401 service_key_required");
  }
  assert.equal(await accepts({}), "401 service_key_required");
});

Deno.test("begins no run for a caller without the key, nor for another method", async () => {
  let begun = 0;
  const { handle } = setUp({
    begin: async () => {
      begun += 1;
      return { lease: "lease", wait_ms: 0 };
    },
  });
  assert.equal((await handle(call({}))).status, 401);
  assert.equal((await handle(call({ apikey: "sb_publishable_x" }))).status, 401);
  assert.equal((await handle(call({ apikey: "sb_secret_test" }, "GET"))).status, 405);
  assert.equal(begun, 0);
  assert.equal((await handle(serviceCall())).status, 200);
  assert.equal(begun, 1);
});

Deno.test("answers 202 while another run is going on, and works not", async () => {
  const work = () => assert.fail("a second run");
  const { handle } = setUp({ begin: async () => ({ lease: null, wait_ms: 0 }) }, work);
  const response = await handle(serviceCall());
  assert.deepEqual([response.status, await response.json()], [202, { busy: true }]);
});

Deno.test("answers 429 and when to call again before the next run is due", async () => {
  const work = () => assert.fail("too early");
  const { handle } = setUp({ begin: async () => ({ lease: null, wait_ms: 299_400 }) }, work);
  const response = await handle(serviceCall());
  assert.deepEqual(
    [response.status, response.headers.get("retry-after"), (await response.json()).code],
    [429, "300", "called_too_early"],
  );
});

Deno.test("waits until the run is due", async () => {
  const since = Date.now();
  const { handle } = setUp({ begin: async () => ({ lease: "lease", wait_ms: 60 }) });
  assert.equal((await handle(serviceCall())).status, 200);
  assert.ok(Date.now() - since >= 59);
});

Deno.test("ends the run, also after an error", async () => {
  const ended: unknown[] = [];
  const end = async (lease: string, repeat: boolean) => {
    ended.push([lease, repeat]);
    return null;
  };
  const { handle, logged } = setUp({ end }, () => Promise.reject(new Error("no answer")));
  assert.equal((await handle(serviceCall())).status, 500);
  assert.deepEqual(ended, [["lease", false]]);
  assert.match(logged.join(), /^unexpected error: no answer \(_shared\/internal\.test\.ts:/);
});

Deno.test("answers 202 at once for `Prefer: respond-async`, and continues", async () => {
  let done = false;
  const { handle, waited } = setUp({}, async () => {
    done = true;
    return { done };
  });
  const response = await handle(serviceCall({ prefer: "respond-async" }));
  assert.equal(response.status, 202);
  await Promise.all(waited);
  assert.equal(done, true);
});

Deno.test("the service keys are those of the project, with or without a legacy key", () => {
  const of = (variables: Record<string, string>) => serviceKeys((name) => variables[name]);
  const secret = JSON.stringify({ default: "sb_secret_a", worker: "sb_secret_b" });
  assert.deepEqual(of({ SUPABASE_SECRET_KEYS: secret }), ["sb_secret_a", "sb_secret_b"]);
  assert.deepEqual(of({ SUPABASE_SECRET_KEYS: secret, SUPABASE_SERVICE_ROLE_KEY: "jwt" }), [
    "sb_secret_a",
    "sb_secret_b",
    "jwt",
  ]);
  assert.deepEqual(of({ SUPABASE_SERVICE_ROLE_KEY: "jwt" }), ["jwt"]);
  assert.throws(() => of({}), { message: /SUPABASE_SECRET_KEYS is not set/ });
});
