// The outer layer of every function: methods, CORS, callers, and errors without secrets.

import assert from "node:assert/strict";
import { anyone, signedIn } from "./authenticate.ts";
import { apiError, databaseError } from "./errors.ts";
import { type ServeOptions, serve } from "./serve.ts";

const call = (method: string, headers: Record<string, string> = {}) =>
  new Request("http://functions/f", { method, headers });

function setUp(options: Partial<ServeOptions<undefined>> = {}) {
  const logged: string[] = [];
  const handle = serve({
    authenticate: anyone,
    log: (message, level) => void (level === "info" || logged.push(message)),
    handle: async () => Response.json({ ok: true }),
    ...options,
  });
  return { handle, logged };
}

Deno.test("refuses other methods, and names those it supports", async () => {
  const { handle, logged } = setUp({ methods: ["GET", "POST"] });
  const response = await handle(call("DELETE"));
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "GET, POST");
  assert.deepEqual(await response.json(), {
    code: "method_not_allowed",
    message: "This function does not support this HTTP method.",
    hint: "Use GET or POST.",
  });
  assert.equal((await handle(call("GET"))).status, 200);
  assert.deepEqual(logged, []);
});

Deno.test("answers preflights and sends CORS headers with every response, errors too", async () => {
  const { handle } = setUp({ cors: true });
  const preflight = await handle(call("OPTIONS"));
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-methods"), "POST, OPTIONS");
  const allowed = (preflight.headers.get("access-control-allow-headers") ?? "").split(", ");
  for (const sent of ["authorization", "apikey", "content-type", "x-client-info", "traceparent"]) {
    assert.ok(allowed.includes(sent), sent);
  }
  for (const method of ["OPTIONS", "POST", "PUT"]) {
    assert.equal((await handle(call(method))).headers.get("access-control-allow-origin"), "*");
  }
});

Deno.test("lets no browser of another origin read a function without CORS", async () => {
  const { handle } = setUp();
  assert.equal((await handle(call("OPTIONS"))).status, 405);
  assert.equal((await handle(call("POST"))).headers.get("access-control-allow-origin"), null);
});

Deno.test("passes the user on, and refuses a caller without a valid token before it reads the request", async () => {
  const calls: string[] = [];
  const handle = serve({
    authenticate: signedIn(async (token) => (token === "Bearer ana" ? { id: "ana" } : undefined)),
    log: () => {},
    async handle(_request, user) {
      calls.push(user.id);
      return new Response();
    },
  });
  assert.equal((await handle(call("POST", { authorization: "Bearer mallory" }))).status, 401);
  assert.equal((await handle(call("POST"))).status, 401);
  assert.equal((await handle(call("POST", { authorization: "Bearer ana" }))).status, 200);
  assert.deepEqual(calls, ["ana"]);
});

Deno.test("sends errors for the caller, and logs nothing of them", async () => {
  const { handle, logged } = setUp({ handle: () => Promise.reject(apiError("not_onboarded")) });
  const response = await handle(call("POST"));
  assert.equal(response.status, 409);
  assert.equal((await response.json()).code, "not_onboarded");
  assert.deepEqual(logged, []);
});

const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
const unexpected =
  `key sk_test_4eC39HqLyjWDarjtT1zdp7dc, rk_live_x1, whsec_abc, sb_secret_abc, pi_1_secret_2, ` +
  `token ${token}, address ben@example.com`;

Deno.test("hides an unexpected error from the caller, and secrets from the log", async () => {
  const { handle, logged } = setUp({ handle: () => Promise.reject(new Error(unexpected)) });
  const response = await handle(call("POST"));
  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), {
    code: "internal_error",
    message: "The server could not process the request.",
    hint: "Try again. If the error persists, contact support.",
  });
  assert.equal(
    logged.join().replace(/ \([^)]*\)$/, ""),
    "unexpected error: key [redacted], [redacted], [redacted], [redacted], [redacted], token [redacted], address [redacted]",
  );
});

Deno.test("logs file and line of an unexpected error, and those of its callers", async () => {
  const raised = { code: "XX000", message: "out of memory", details: "", hint: "" };
  const { handle, logged } = setUp({
    handle: () => {
      throw databaseError(raised, 500);
    },
  });
  await handle(call("POST"));
  const [line = ""] = logged;
  const position = String.raw`_shared/\w+(\.test)?\.ts:\d+:\d+`;
  assert.match(
    line,
    new RegExp(
      `^unexpected error: database error XX000: out of memory \\(${position}( < ${position}){2}\\)$`,
    ),
  );
  assert.match(line, /\(_shared\/errors\.ts:\d+:\d+ < _shared\/serve\.test\.ts:\d+:\d+ < /);
});

Deno.test("hides an error of authentication, and a thrown value that is no error", async () => {
  const { handle, logged } = setUp({ authenticate: () => Promise.reject("sk_test_x") });
  assert.equal((await handle(call("POST"))).status, 500);
  assert.deepEqual(logged, ["unexpected error: unknown error (unknown position)"]);
});

Deno.test("answers an unexpected error with the code of the function", async () => {
  const { handle } = setUp({
    unexpected: "payments_unavailable",
    handle: () => Promise.reject(new Error("no answer")),
  });
  const response = await handle(call("POST"));
  assert.deepEqual([response.status, (await response.json()).code], [502, "payments_unavailable"]);
});

Deno.test("passes on what a database function raised, and hides a failure of the database", async () => {
  const raised = { code: "PT409", message: "The nights are taken.", details: "", hint: "" };
  const refused = setUp({ handle: () => Promise.reject(databaseError(raised, 409)) });
  assert.equal((await (await refused.handle(call("POST"))).json()).message, "The nights are taken.");
  for (const status of [0, 500, 503]) {
    const broken = setUp({ handle: () => Promise.reject(databaseError(raised, status)) });
    const response = await broken.handle(call("POST"));
    assert.deepEqual([response.status, (await response.json()).code], [500, "internal_error"]);
  }
});
