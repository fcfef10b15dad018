// The state of objects at Stripe as the worker saves it, with a client and a database made up here.

import assert from "node:assert/strict";
import { createSyncs } from "./sync.ts";

/** The database refuses refunds above 100 until it knows that the first one has failed. */
function setUp(statuses: Record<string, string>) {
  const applied: string[] = [];
  const refundOf = (id: string) => ({
    id,
    status: statuses[id],
    payment_intent: "pi_1",
    amount: 60,
    currency: "eur",
    created: 0,
    metadata: {},
  });
  const stripe = {
    refunds: {
      retrieve: async (id: string) => refundOf(id),
      async *list() {
        for (const id of Object.keys(statuses)) yield refundOf(id);
      },
    },
  };
  const refused = { code: "PT409", details: '[{"code": "refunds_above_capture"}]' };
  const answerOf = (id: string) => {
    applied.push(id);
    const isRefused = id === "re_new" && !applied.includes("re_failed");
    return isRefused ? { data: null, error: refused } : { data: "applied", error: null };
  };
  const rpc = (_name: string, { p_refund }: { p_refund: { id: string } }) => {
    const answer = Promise.resolve(p_refund.id).then(answerOf);
    return Object.assign(answer, {
      throwOnError: () => answer.then((each) => (each.error === null ? each : Promise.reject(each.error))),
    });
  };
  return { syncs: createSyncs({ rpc } as never, stripe as never), applied };
}

Deno.test("a refund for which another one made room is saved after the one that failed", async () => {
  const { syncs, applied } = setUp({ re_new: "succeeded", re_kept: "succeeded", re_failed: "failed" });
  assert.equal(await syncs.refund("re_new"), "applied");
  assert.deepEqual(applied, ["re_new", "re_failed", "re_new"]);
});

Deno.test("a refund above what was captured stays refused when none failed", async () => {
  const { syncs } = setUp({ re_new: "succeeded", re_kept: "succeeded" });
  await assert.rejects(syncs.refund("re_new"), { code: "PT409" });
});
