// stripe-webhook without a network: Stripe's own signature check, over bodies signed here.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import Stripe from "stripe";
import { largestBody, tolerance } from "../_shared/authenticate.ts";
import { createHandler, type StripeEvent } from "./handler.ts";

const secret = "whsec_test";
const now = 1_800_000_000;
const stripe = new Stripe("sk_test_x", { httpClient: Stripe.createFetchHttpClient() });
const event = {
  id: "evt_1",
  type: "payment_intent.succeeded",
  created: now,
  data: { object: { id: "pi_1" } },
};

function setUp(store: (event: StripeEvent) => Promise<boolean> = async () => true) {
  const stored: StripeEvent[] = [];
  const logged: string[] = [];
  const handle = createHandler({
    // Stripe's age check reads the machine's clock; the last argument is the time it is checked at.
    verify: (body, signature) =>
      stripe.webhooks.constructEventAsync(body, signature, secret, tolerance, undefined, now * 1000),
    store: (each) => {
      stored.push(each);
      return store(each);
    },
    now: () => now * 1000,
    log: (message, level) => void (level === "info" || logged.push(message)),
  });
  return { handle, stored, logged };
}

const digest = (text: string, at: number, key = secret) =>
  createHmac("sha256", key).update(`${at}.${text}`).digest("hex");
const sign = (text: string, at = now, key = secret) => `t=${at},v1=${digest(text, at, key)}`;
const send = (text: string, signature?: string) =>
  new Request("http://f/", {
    method: "POST",
    body: text,
    headers: signature === undefined ? {} : { "stripe-signature": signature },
  });
const body = JSON.stringify(event);

Deno.test("stores a signed event, and marks a duplicate", async () => {
  const { handle, stored } = setUp(async () => false);
  const response = await handle(send(body, sign(body)));
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { received: true, duplicate: true });
  assert.deepEqual(
    stored.map(({ id }) => id),
    ["evt_1"],
  );
});

const refused: [string, () => Request][] = [
  ["no signature", () => send(body)],
  ["another secret", () => send(body, sign(body, now, "whsec_other"))],
  ["a changed body", () => send(body.replace("pi_1", "pi_2"), sign(body))],
  ["301 seconds old", () => send(body, sign(body, now - 301))],
  ["301 seconds ahead", () => send(body, sign(body, now + 301))],
  ["no time", () => send(body, `v1=${digest(body, now)}`)],
  ["signed, but not JSON", () => send("hello", sign("hello"))],
  ["signed JSON that is no event", () => send("{}", sign("{}"))],
];
for (const [name, request] of refused) {
  Deno.test(`refuses ${name} with 400 and stores nothing`, async () => {
    const { handle, stored } = setUp();
    assert.equal((await handle(request())).status, 400);
    assert.equal(stored.length, 0);
  });
}

Deno.test("accepts either of two signatures, as during a change of secrets", async () => {
  const { handle, stored } = setUp();
  const both = `t=${now},v1=${digest(body, now, "whsec_old")},v1=${digest(body, now)}`;
  assert.equal((await handle(send(body, both))).status, 200);
  assert.equal(stored.length, 1);
});

Deno.test("refuses a body over the limit", async () => {
  const { handle, stored } = setUp();
  const large = "x".repeat(largestBody + 1);
  assert.equal((await handle(send(large, sign(large)))).status, 413);
  assert.equal(stored.length, 0);
});

Deno.test("answers 500 when the event could not be stored, and logs no body and no signature", async () => {
  const { handle, logged } = setUp(() => Promise.reject(new Error("database is down")));
  assert.equal((await handle(send(body, sign(body)))).status, 500);
  assert.deepEqual(logged, ["evt_1: database is down"]);
});
