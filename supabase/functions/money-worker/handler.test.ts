// money-worker without a network: the calls of each task, its retries and its permanent failures.

import assert from "node:assert/strict";
import { internalOf, serviceCall } from "../_shared/internal-fixture.ts";
import { createHandler, type Dependencies } from "./handler.ts";
import type { Task } from "./tasks.ts";

const payment_id = "00000000-0000-4000-8000-000000000001";
const booking_id = "00000000-0000-4000-8000-000000000002";
const lease = "00000000-0000-4000-8000-000000000003";

class FinalError extends Error {}

function setUp(
  tasks: { kind: string; subject?: string; message?: unknown; is_old?: boolean }[],
  overrides: Partial<Dependencies> = {},
) {
  const calls: string[] = [];
  const waiting: Task[] = tasks.map(({ kind, subject = "s", message = {}, is_old = false }, index) => ({
    task_id: index + 1,
    lease,
    kind,
    subject,
    attempt: 1,
    message,
    is_old,
  }));
  const sync = (name: string) => async (id: string) => {
    calls.push(`sync ${name} ${id}`);
    return "applied";
  };
  const handle = createHandler({
    internal: internalOf(),
    takeTasks: async () => waiting.splice(0, 20),
    finishTask: async (task, outcome) => {
      calls.push(`finish ${task.task_id}: ${outcome}`);
      return true;
    },
    failTask: async (task, error, isFinal) =>
      void calls.push(`fail ${task.task_id}: ${error}${isFinal ? " (final)" : ""}`),
    sync: {
      paymentIntent: sync("intent"),
      refund: sync("refund"),
      transfer: sync("transfer"),
      dispute: sync("dispute"),
      fraudWarning: sync("fraud warning"),
      returns: async (intent) => void calls.push(`sync returns of ${intent}`),
      account: sync("account"),
    },
    madeBefore: {
      intent: async () => ({ id: "pi_before", status: "succeeded" }),
      refund: async () => "re_before",
      transfer: async () => "tr_before",
      hasReversal: async () => true,
    },
    createIntent: async () => "pi_new",
    charge: async (intent, method, key) => void calls.push(`charge ${intent} ${method} ${key}`),
    failCharge: async (id, error) => void calls.push(`charge of ${id} failed: ${error}`),
    detach: async (method) => void calls.push(`detach ${method}`),
    deleteCustomer: async (customer) => void calls.push(`delete ${customer}`),
    capture: async (id) => void calls.push(`capture ${id}`),
    cancel: async (id) => void calls.push(`cancel ${id}`),
    createRefund: async ({ amount }) => {
      calls.push(`refund ${amount}`);
      return "re_1";
    },
    failRefund: async (id, error) => void calls.push(`refund ${id} failed: ${error}`),
    beginTransfer: async () => ({ status: "pending", amount: 100, currency: "EUR", destination: "acct_1" }),
    createTransfer: async (id, { amount, destination }) => {
      calls.push(`transfer ${amount} to ${destination} for ${id}`);
      return "tr_1";
    },
    failTransfer: async (id, error) => void calls.push(`transfer of ${id} failed: ${error}`),
    beginReversal: async () => ({ status: "pending", amount: 50, transfer: "tr_1" }),
    createReversal: async (id, transfer, amount) =>
      void calls.push(`reverse ${amount} of ${transfer} for ${id}`),
    failReversal: async (id) => void calls.push(`reversal ${id} failed`),
    paymentOfRefund: async () => "pi_of_refund",
    listPage: async ({ list, cursor }) => {
      calls.push(`list ${list} after ${cursor}`);
      return { objects: [{ id: "pi_1" }], hasMore: true };
    },
    savePage: async ({ sweep_id, page }, { objects, hasMore }) => {
      calls.push(`save page ${page} of ${sweep_id}: ${objects.length} objects, ${hasMore ? "more" : "last"}`);
      return "applied";
    },
    returnOrphan: async ({ stripe_id, amount, idempotency_key }) =>
      void calls.push(`return ${amount} of ${stripe_id} with ${idempotency_key}`),
    failOrphan: async (id, error) => void calls.push(`orphan ${id} failed: ${error}`),
    isFinal: (error) => error instanceof FinalError,
    reasonOf: () => "The card was declined.",
    log: () => {},
    ...overrides,
  });
  return { run: () => handle(serviceCall()), calls };
}

const event = (type: string, object: object) => ({ kind: "event", message: { type, object } });

Deno.test("an event only names the object to read; for refunds and disputes, the payment is read first", async () => {
  const { run, calls } = setUp([
    event("payment_intent.succeeded", { id: "pi_1", status: "canceled" }),
    event("transfer.reversed", { id: "tr_1" }),
    event("account.updated", { id: "acct_1" }),
    event("radar.early_fraud_warning.created", { id: "efw_1" }),
    event("invoice.paid", { id: "in_1" }),
  ]);
  assert.deepEqual(await (await run()).json(), { done: 5, failed: 0 });
  assert.deepEqual(
    calls.filter((call) => call.startsWith("sync")),
    ["sync intent pi_1", "sync transfer tr_1", "sync account acct_1", "sync fraud warning efw_1"],
  );
  assert.ok(calls.includes("finish 5: ignored: nothing depends on it"));
  for (const type of ["refund.created", "charge.dispute.created"]) {
    const { run, calls } = setUp([event(type, { id: "x_1", payment_intent: "pi_1" })]);
    await run();
    assert.deepEqual(calls[0], "sync intent pi_1");
    assert.match(calls[1] ?? "", /^sync (refund|dispute) x_1$/);
  }
});

Deno.test("a temporary failure is retried, a permanent one is not, and neither blocks other tasks", async () => {
  const { run, calls } = setUp(
    [
      event("payment_intent.succeeded", { id: "pi_1" }),
      { kind: "capture", message: { payment_intent: null } },
      { kind: "cancel", message: { payment_intent: "pi_2" } },
    ],
    { finishTask: async ({ task_id }) => task_id > 0, cancel: () => Promise.reject(new Error("429")) },
  );
  assert.deepEqual(await (await run()).json(), { done: 1, failed: 2 });
  assert.ok(calls.includes("fail 3: 429"));
  assert.match(calls.find((call) => call.startsWith("fail 2")) ?? "", / \(final\)$/);
});

Deno.test("a customer is deleted at Stripe; one that Stripe does not have counts as deleted, an outage is retried", async () => {
  const task = { kind: "delete_customer", message: { customer: "cus_1" } };
  const { run, calls } = setUp([task]);
  await run();
  assert.deepEqual(calls, ["delete cus_1", "finish 1: applied"]);
  const gone = setUp([task], { deleteCustomer: () => Promise.reject(new FinalError("No such customer")) });
  await gone.run();
  assert.deepEqual(gone.calls, ["finish 1: applied"]);
  const outage = setUp([task], { deleteCustomer: () => Promise.reject(new Error("503")) });
  await outage.run();
  assert.deepEqual(outage.calls, ["fail 1: 503"]);
});

Deno.test("a capture or cancellation that Stripe refuses permanently saves the actual state of the intent", async () => {
  const { run, calls } = setUp([{ kind: "capture", message: { payment_intent: "pi_1" } }], {
    capture: () => Promise.reject(new FinalError("already captured")),
  });
  await run();
  assert.deepEqual(calls, ["sync intent pi_1", "finish 1: applied"]);
});

const balance = {
  kind: "charge",
  subject: `${payment_id}:2`,
  message: {
    payment_id,
    status: "requires_payment",
    payment_intent: null,
    booking_id,
    amount: 100,
    currency: "EUR",
    metadata: { payment_id },
    customer: "cus_1",
    payment_method: "pm_1",
    description: "House",
  },
};

Deno.test("a balance is charged to the saved card, with one idempotency key per attempt", async () => {
  const { run, calls } = setUp([balance]);
  await run();
  assert.deepEqual(calls, [
    `charge pi_new pm_1 charge:${payment_id}:2`,
    "sync intent pi_new",
    "finish 1: applied",
  ]);
});

Deno.test("a declined or removed card is recorded as a failed charge; a payment that was paid meanwhile is skipped", async () => {
  const declined = setUp([balance], { charge: () => Promise.reject(new FinalError("declined")) });
  await declined.run();
  assert.deepEqual(declined.calls, [
    `charge of ${payment_id} failed: The card was declined.`,
    "sync intent pi_new",
    "finish 1: applied",
  ]);
  const removed = setUp([{ ...balance, message: { ...balance.message, payment_method: null } }]);
  await removed.run();
  assert.deepEqual(removed.calls[0], `charge of ${payment_id} failed: The card was removed.`);
  const paid = setUp([{ ...balance, message: { ...balance.message, status: "captured" } }]);
  await paid.run();
  assert.deepEqual(paid.calls, ["finish 1: ignored: captured"]);
});

Deno.test("a balance that Stripe refuses before there is an intent is a failed charge, not a dead task", async () => {
  const refused = setUp([balance], { createIntent: () => Promise.reject(new FinalError("too small")) });
  await refused.run();
  assert.deepEqual(refused.calls, [
    `charge of ${payment_id} failed: The card was declined.`,
    "finish 1: failed: too small",
  ]);
});

Deno.test("a refund that Stripe refuses permanently is recorded as failed; after any other error it is retried", async () => {
  const refund = {
    kind: "refund",
    message: { refund_id: payment_id, status: "pending", payment_intent: "pi_1", amount: 100, metadata: {} },
  };
  const refused = setUp([refund], { createRefund: () => Promise.reject(new FinalError("charge_disputed")) });
  await refused.run();
  assert.deepEqual(refused.calls, [
    "sync returns of pi_1",
    `refund ${payment_id} failed: charge_disputed`,
    "finish 1: failed: charge_disputed",
  ]);
  const cancelled = setUp([{ ...refund, message: { ...refund.message, status: "cancelled" } }]);
  await cancelled.run();
  assert.deepEqual(cancelled.calls, ["finish 1: ignored: cancelled"]);
  const down = setUp([refund], { createRefund: () => Promise.reject(new Error("503")) });
  await down.run();
  assert.deepEqual(down.calls, ["fail 1: 503"]);
});

Deno.test("a payout is transferred once, and a refused transfer is recorded", async () => {
  const { run, calls } = setUp([{ kind: "transfer", subject: "po_1" }]);
  await run();
  assert.deepEqual(calls, ["transfer 100 to acct_1 for po_1", "sync transfer tr_1", "finish 1: applied"]);
  const refused = setUp([{ kind: "transfer", subject: "po_1" }], {
    createTransfer: () => Promise.reject(new FinalError("insufficient capabilities")),
  });
  await refused.run();
  assert.deepEqual(refused.calls, [
    "transfer of po_1 failed: insufficient capabilities",
    "finish 1: failed: insufficient capabilities",
  ]);
  const paid = setUp([{ kind: "transfer", subject: "po_1" }], {
    beginTransfer: async () => ({ status: "paid", amount: 100 }),
  });
  await paid.run();
  assert.deepEqual(paid.calls, ["finish 1: ignored: paid"]);
});

Deno.test("a transfer that exists is never recorded as failed, even when it cannot be read", async () => {
  const unreadable = setUp([{ kind: "transfer", subject: "po_1" }], {
    createTransfer: async () => "tr_1",
    sync: {
      paymentIntent: async () => "",
      refund: async () => "",
      transfer: () => Promise.reject(new Error("503")),
      dispute: async () => "",
      fraudWarning: async () => "",
      returns: async () => {},
      account: async () => "",
    },
  });
  await unreadable.run();
  assert.deepEqual(unreadable.calls, ["fail 1: 503"]);
});

Deno.test("a transfer is reversed by the amount that the database names, and a refused reversal is recorded", async () => {
  const { run, calls } = setUp([{ kind: "reversal", subject: "rv_1" }]);
  await run();
  assert.deepEqual(calls, ["reverse 50 of tr_1 for rv_1", "sync transfer tr_1", "finish 1: applied"]);
  const refused = setUp([{ kind: "reversal", subject: "rv_1" }], {
    createReversal: () => Promise.reject(new FinalError("already reversed")),
  });
  await refused.run();
  assert.deepEqual(refused.calls, ["reversal rv_1 failed", "finish 1: failed: already reversed"]);
  const unknown = setUp([{ kind: "reversal", subject: "rv_1" }], {
    beginReversal: async () => ({ status: "pending", amount: 50, transfer: null }),
  });
  await unknown.run();
  assert.deepEqual(unknown.calls, ["finish 1: ignored: pending"]);
});

Deno.test("a page of a list of Stripe is saved, and what differs is read with the payment first", async () => {
  const page = { sweep_id: 7, page: 2, list: "payment_intents", cursor: "pi_9", since: null };
  const sweep = setUp([{ kind: "sweep", message: page }]);
  await sweep.run();
  assert.deepEqual(sweep.calls, [
    "list payment_intents after pi_9",
    "save page 2 of 7: 1 objects, more",
    "finish 1: applied",
  ]);
  const { run, calls } = setUp(["pi_1", "re_1", "tr_1"].map((id) => ({ kind: "sync", message: { id } })));
  await run();
  assert.deepEqual(
    calls.filter((call) => call.startsWith("sync")).sort(),
    ["sync intent pi_1", "sync intent pi_of_refund", "sync refund re_1", "sync transfer tr_1"].sort(),
  );
});

const orphan = {
  kind: "orphan",
  message: {
    orphan_id: payment_id,
    kind: "payment",
    status: "refunding",
    stripe_id: "pi_1",
    is_charged: true,
    amount: 100,
    metadata: {},
    idempotency_key: "orphan:pi_1",
  },
};

Deno.test("an orphan is given back with the key of its payment, and one that was settled meanwhile is skipped", async () => {
  const { run, calls } = setUp([orphan]);
  const found = setUp([orphan], { returnOrphan: () => Promise.reject(new Error("503")) });
  await run();
  assert.deepEqual(calls, ["return 100 of pi_1 with orphan:pi_1", "sync intent pi_1", "finish 1: applied"]);
  await found.run();
  assert.deepEqual(found.calls, ["fail 1: 503"]);
  const settled = setUp([{ ...orphan, message: { ...orphan.message, status: "rebooked" } }]);
  await settled.run();
  assert.deepEqual(settled.calls, ["finish 1: ignored: rebooked"]);
});

Deno.test("an orphan that Stripe does not give back is read again before it is a case once more", async () => {
  const refused = setUp([orphan], { returnOrphan: () => Promise.reject(new FinalError("charge_disputed")) });
  await refused.run();
  assert.deepEqual(refused.calls, [
    "sync intent pi_1",
    `orphan ${payment_id} failed: charge_disputed`,
    "finish 1: failed: charge_disputed",
  ]);
});

Deno.test("an old task finds what it made before, because Stripe may have forgotten its idempotency key", async () => {
  const refund = {
    kind: "refund",
    message: { refund_id: payment_id, status: "pending", payment_intent: "pi_1", amount: 100, metadata: {} },
  };
  const old = [balance, refund, { kind: "transfer", subject: "po_1" }, { kind: "reversal", subject: "rv_1" }];
  const { run, calls } = setUp(old.map((task) => ({ ...task, is_old: true })));
  await run();
  assert.deepEqual(calls.sort(), [
    "finish 1: applied",
    "finish 2: applied",
    "finish 3: applied",
    "finish 4: applied",
    "sync intent pi_before",
    "sync refund re_before",
    "sync transfer tr_1",
    "sync transfer tr_before",
  ]);
  const nothing = {
    intent: async () => undefined,
    refund: async () => undefined,
    transfer: async () => undefined,
    hasReversal: async () => false,
  };
  const first = setUp([{ ...refund, is_old: true }], { madeBefore: nothing });
  await first.run();
  assert.deepEqual(first.calls[0], "refund 100");
});
