// The id of a request: which ids are kept, and where they go.

import assert from "node:assert/strict";
import { anyone } from "./authenticate.ts";
import { internalOf, serviceCall } from "./internal-fixture.ts";
import { createLog } from "./log.ts";
import { serve } from "./serve.ts";
import { forRequest, requestId, traced, traceOf } from "./trace.ts";
import { createWorker, type Job } from "./worker.ts";

const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;
const idOf = (headers: Record<string, string>) => traceOf(new Headers(headers)).requestId;

Deno.test("keeps a valid id: that of the client first, then that of hosted Supabase", () => {
  assert.equal(idOf({ "x-request-id": "order-7" }), "order-7");
  assert.equal(idOf({ "x-request-id": "order-7", "sb-request-id": "019d4233" }), "order-7");
  assert.equal(idOf({ "sb-request-id": "019d4233", "cf-ray": "8f5c2d3e-FRA" }), "019d4233");
  assert.equal(idOf({ "cf-ray": "8f5c2d3e-FRA" }), "8f5c2d3e-FRA");
});

Deno.test("replaces everything else, secrets among it, by a new id", () => {
  const hostile = [
    "",
    "a b",
    "'; drop table x",
    '{"a":1}',
    "x".repeat(61),
    "sb_secret_x",
    "gita@example.com",
  ];
  for (const id of hostile) assert.match(idOf({ "x-request-id": id }), uuid, id);
  assert.match(idOf({}), uuid);
});

Deno.test("an answer has the id of its request, and so have the log and the calls during it", async () => {
  const lines: string[] = [];
  const calls: Headers[] = [];
  const call = traced((_url, init) => {
    calls.push(new Headers(init?.headers));
    return Promise.resolve(new Response());
  });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const handle = serve({
    authenticate: anyone,
    cors: true,
    log: createLog("drill", (line) => lines.push(line)),
    async handle() {
      await call("http://project/rest/v1/bookings", { headers: { apikey: "key" } });
      return Response.json({});
    },
  });
  const headers = { "x-request-id": "order-7", traceparent };
  const response = await handle(new Request("http://functions/drill", { method: "POST", headers }));
  assert.equal(response.headers.get("x-request-id"), "order-7");
  assert.equal(response.headers.get("access-control-expose-headers"), "x-request-id");
  assert.deepEqual(
    calls.map((sent) => [sent.get("x-request-id"), sent.get("traceparent"), sent.get("apikey")]),
    [["order-7", traceparent, "key"]],
  );
  const { time, ...line } = JSON.parse(lines[0] ?? "");
  assert.deepEqual(line, {
    level: "info",
    request_id: "order-7",
    function: "drill",
    message: "POST answered 200",
  });
  assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000);
  await call("http://project/rest/v1/bookings");
  assert.equal(calls.at(-1)?.get("x-request-id"), null);
});

Deno.test("a line of the log is one line, and has no keys and addresses", () => {
  const lines: string[] = [];
  createLog("drill", (line) => lines.push(line))('first\nsecond "third" sk_test_x gita@example.com');
  assert.equal(lines[0]?.includes("\n"), false);
  const { request_id, level, message } = JSON.parse(lines[0] ?? "");
  assert.deepEqual([request_id, level], [null, "error"]);
  assert.equal(message, 'first\nsecond "third" [redacted] [redacted]');
});

Deno.test("a worker works for the request of each job, and for its own on a job of the clock", async () => {
  const lines: string[] = [];
  const seen: (string | undefined)[] = [];
  const waiting: Job[] = ["a-1", null, "b-2"].map((request_id, index) => ({
    job_id: index + 1,
    attempt: 1,
    message: {},
    request_id,
  }));
  const worker = createWorker({
    internal: internalOf(),
    queue: { take: async () => waiting.splice(0), finish: async () => true, fail: async () => {} },
    concurrency: 3,
    async work() {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.push(requestId());
    },
    log: createLog("drill", (line) => lines.push(line)),
  });
  await worker(serviceCall({ "x-request-id": "wake-1" }));
  assert.deepEqual(seen.sort(), ["a-1", "b-2", "wake-1"]);
  const logged = lines
    .map((line) => JSON.parse(line))
    .map(({ request_id, message }) => `${request_id} ${message}`);
  assert.deepEqual(logged.sort(), [
    "a-1 job 1: done",
    "b-2 job 3: done",
    "wake-1 POST answered 200",
    "wake-1 job 2: done",
  ]);
  assert.equal(
    forRequest("c-3", () => requestId()),
    "c-3",
  );
});
