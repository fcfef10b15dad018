import assert from "node:assert/strict";
import { internalOf, serviceCall } from "../_shared/internal-fixture.ts";
import type { Job } from "../_shared/worker.ts";
import { createHandler, sign } from "./handler.ts";

const id = "7c0e4f5e-8a52-4a44-9d3a-0d8b6f1e2a11";
const delivery = {
  url: "https://hooks.example/x",
  secret: "whsec_test",
  payload: { id, type: "booking.created" },
};

function setUp(
  answer: () => Promise<number>,
  message: unknown = { delivery_id: id },
  found: typeof delivery | null = delivery,
) {
  const waiting: Job[] = [{ job_id: 1, attempt: 1, message }];
  const posted: [string, Record<string, string>, string][] = [];
  const attempts: unknown[] = [];
  const ended: string[] = [];
  const handle = createHandler({
    internal: internalOf(),
    queue: {
      take: async () => waiting.splice(0),
      finish: async () => ended.push("finished") > 0,
      fail: async (_, error, final) => void ended.push(final ? `dead: ${error}` : `again: ${error}`),
    },
    deliveryToSend: async () => found,
    post: async (...request) => {
      posted.push(request);
      return answer();
    },
    recordAttempt: async (...attempt) => void attempts.push(attempt),
    now: () => 1_800_000_000_500,
    log: () => {},
  });
  return {
    run: () => handle(serviceCall()),
    posted,
    attempts,
    ended,
  };
}

Deno.test("the signature is HMAC-SHA256 of time and body", () => {
  // worked out with: printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
  assert.equal(
    sign("whsec_test", '{"a":1}', 1_800_000_000_999),
    "t=1800000000,v1=7de5e6bbc99c65ef0ddccacd4308ba03a5a12eb8859a0db070c5ca731c4fdc19",
  );
});

Deno.test("posts the signed payload and records the attempt", async () => {
  const { run, posted, attempts, ended } = setUp(async () => 200);
  await run();
  const [url, headers, body] = posted[0] ?? [];
  assert.equal(url, delivery.url);
  assert.deepEqual(JSON.parse(body ?? ""), delivery.payload);
  assert.equal(headers?.["staybase-signature"], sign(delivery.secret, body ?? "", 1_800_000_000_500));
  assert.deepEqual([attempts, ended], [[[id, 200, null]], ["finished"]]);
});

Deno.test("retries after any status but 2xx, including a redirect", async () => {
  for (const status of [302, 404, 410, 500]) {
    const { run, attempts, ended } = setUp(async () => status);
    await run();
    assert.deepEqual(
      [attempts, ended],
      [[[id, status, `answered ${status}`]], [`again: answered ${status}`]],
    );
  }
});

Deno.test("retries when the receiver cannot be reached", async () => {
  const { run, attempts, ended } = setUp(() => Promise.reject(new Error("the address is not public")));
  await run();
  assert.deepEqual(attempts, [[id, null, "the address is not public"]]);
  assert.deepEqual(ended, ["again: the address is not public"]);
});

Deno.test("skips a delivery that is done, and fails an invalid message permanently", async () => {
  const done = setUp(async () => 200, undefined, null);
  await done.run();
  assert.deepEqual([done.posted, done.ended], [[], ["finished"]]);
  const unreadable = setUp(async () => 200, { delivery_id: "x" });
  await unreadable.run();
  assert.deepEqual(unreadable.ended, ["dead: the message is not { delivery_id }"]);
});
