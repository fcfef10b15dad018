// payments without a network: the booking decides the amount, and a repeated call finds the existing PaymentIntent.

import assert from "node:assert/strict";
import type { PaymentIntentRequest } from "../_shared/payment-intent.ts";
import { type BegunPayment, createHandler, type Dependencies } from "./handler.ts";

const booking_id = "00000000-0000-4000-8000-000000000001";
const begun: BegunPayment = {
  booking_status: "requested",
  payment_id: "00000000-0000-4000-8000-000000000002",
  amount: 26_000,
  stripe_amount: 26_000,
  currency: "EUR",
  is_manual: true,
  payment_intent: null,
  customer: "cus_1",
  description: "House",
  metadata: { payment_id: "00000000-0000-4000-8000-000000000002", check_in: "2026-12-01" },
};

function setUp(overrides: Partial<Dependencies> = {}) {
  const requests: PaymentIntentRequest[] = [];
  const calls: string[] = [];
  const handle = createHandler({
    userOf: async (authorization) => (authorization === "Bearer ben" ? { id: "ben" } : undefined),
    beginPayment: async () => begun,
    createCustomer: async () => "cus_new",
    createIntent: async (request) => {
      requests.push(request);
      return { id: "pi_1", status: "requires_payment_method", client_secret: "pi_1_secret_x" };
    },
    retrieveIntent: async (id) => ({ id, status: "requires_capture", client_secret: `${id}_secret_x` }),
    confirmIntent: async (id, method) => {
      calls.push(`${id} takes ${method}`);
      return { id, status: "succeeded", client_secret: `${id}_secret_x` };
    },
    refusePayment: async (payment, reason) => void calls.push(`${payment} is refused: ${reason}`),
    refusalOf: () => undefined,
    attachIntent: async (payment, intent) => void calls.push(`${payment} is ${intent}`),
    publishableKey: "pk",
    payPage: () => undefined,
    log: (message, level) => void (level === "info" || calls.push(message)),
    ...overrides,
  });
  const post = (body: unknown, authorization = "Bearer ben") =>
    handle(
      new Request("http://f/", { method: "POST", headers: { authorization }, body: JSON.stringify(body) }),
    );
  return { post, requests, calls };
}

Deno.test("creates a PaymentIntent with the amount of the booking", async () => {
  const { post, requests, calls } = setUp();
  const response = await post({ booking_id });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).client_secret, "pi_1_secret_x");
  assert.deepEqual(
    requests.map(({ amount, currency, isManual, customer }) => [amount, currency, isManual, customer]),
    [[26_000, "EUR", true, "cus_1"]],
  );
  assert.deepEqual(requests[0]?.metadata, begun.metadata);
  assert.deepEqual(calls, [`${begun.payment_id} is pi_1`]);
});

Deno.test("returns the existing PaymentIntent", async () => {
  const { post, requests } = setUp({ beginPayment: async () => ({ ...begun, payment_intent: "pi_old" }) });
  assert.equal((await (await post({ booking_id })).json()).client_secret, "pi_old_secret_x");
  assert.equal(requests.length, 0);
});

Deno.test("refuses an amount or currency from the client, and callers without a valid token", async () => {
  const { post, requests } = setUp();
  for (const body of [
    { booking_id, amount: 1 },
    { booking_id, currency: "jpy" },
    { booking_id: "x" },
    null,
  ]) {
    assert.equal((await post(body)).status, 400);
  }
  assert.equal((await post({ booking_id }, "Bearer mallory")).status, 401);
  assert.equal(requests.length, 0);
});

Deno.test("sends the amount in Stripe's units, and answers it in minor units", async () => {
  const { post, requests } = setUp({
    beginPayment: async () => ({ ...begun, amount: 323_103, stripe_amount: 32_310_300, currency: "UGX" }),
  });
  assert.equal((await (await post({ booking_id })).json()).amount, 323_103);
  assert.equal(requests[0]?.amount, 32_310_300);
});

Deno.test("a refusal of Stripe that is final ends the payment, and any other error does not", async () => {
  const refused = setUp({
    createIntent: () => Promise.reject(new Error("Amount too small")),
    refusalOf: () => "Amount too small",
  });
  const response = await refused.post({ booking_id });
  assert.equal(response.status, 422);
  assert.deepEqual(await response.json(), {
    code: "payment_refused",
    message: "Amount too small",
    hint: "The nights are free again. Book another stay.",
  });
  assert.deepEqual(refused.calls, [`${begun.payment_id} is refused: Amount too small`]);
  const down = setUp({ createIntent: () => Promise.reject(new Error("503")) });
  assert.equal((await down.post({ booking_id })).status, 502);
  assert.ok(!down.calls.some((call) => call.includes("refused")));
});

Deno.test("hides the error of Stripe", async () => {
  const { post } = setUp({ createIntent: () => Promise.reject(new Error("sk_test_secret is wrong")) });
  const response = await post({ booking_id });
  assert.equal(response.status, 502);
  assert.ok(!(await response.text()).includes("sk_test"));
});

Deno.test("charges the saved card that the guest chose once, and answers why it was declined", async () => {
  const payment_method_id = "00000000-0000-4000-8000-000000000003";
  const kept = { ...begun, payment_method: "pm_1" };
  const first = setUp({ beginPayment: async () => kept });
  assert.equal((await (await first.post({ booking_id, payment_method_id })).json()).status, "succeeded");
  assert.deepEqual(first.calls, [`${begun.payment_id} is pi_1`, "pi_1 takes pm_1"]);
  // the intent of beginPayment's answer waits for its capture
  const again = setUp({ beginPayment: async () => ({ ...kept, payment_intent: "pi_old" }) });
  assert.equal((await again.post({ booking_id, payment_method_id })).status, 200);
  assert.deepEqual(again.calls, []);
  const declined = setUp({ beginPayment: async () => kept, confirmIntent: async () => ({ decline: "No." }) });
  const response = await declined.post({ booking_id, payment_method_id });
  assert.equal(response.status, 402);
  assert.deepEqual(await response.json(), {
    code: "card_declined",
    message: "No.",
    hint: "Try another card.",
  });
});
