// Lists: filters, times and cursors, and metadata that is unset.

import { beforeAll, expect, it } from "vitest";
import { startEmulator } from "./test-support.ts";

let emulator: Awaited<ReturnType<typeof startEmulator>>;
beforeAll(async () => {
  emulator = await startEmulator();
});

it("filters by what an object belongs to", async () => {
  const { stripe, pay } = emulator;
  const customer = await stripe.customers.create({ email: "ana@example.com" });
  const other = await stripe.customers.create({ email: "ben@example.com" });
  const first = await pay({ customer: customer.id, setup_future_usage: "off_session", transfer_group: "b1" });
  const second = await pay({ customer: other.id, transfer_group: "b2" });
  const refund = await stripe.refunds.create({ payment_intent: first.id, amount: 500 });
  const ids = async (list: Promise<{ data: { id: string }[] }>) => (await list).data.map(({ id }) => id);

  expect(await ids(stripe.charges.list({ payment_intent: first.id }))).toEqual([first.latest_charge]);
  expect(await ids(stripe.charges.list({ transfer_group: "b2" }))).toEqual([second.latest_charge]);
  expect(await ids(stripe.paymentIntents.list({ customer: other.id }))).toEqual([second.id]);
  expect(await ids(stripe.refunds.list({ payment_intent: first.id }))).toEqual([refund.id]);
  expect(await ids(stripe.refunds.list({ payment_intent: second.id }))).toEqual([]);
  expect(await ids(stripe.customers.list({ email: "ben@example.com" }))).toEqual([other.id]);
  expect(await ids(stripe.customers.listPaymentMethods(customer.id))).toEqual([first.payment_method]);
  expect(await ids(stripe.customers.listPaymentMethods(other.id))).toEqual([]);
  const { data } = await stripe.balanceTransactions.list({ source: refund.id });
  expect(data.map(({ amount, type }) => [amount, type])).toEqual([[-500, "refund"]]);
  expect((await stripe.events.list({ type: "refund.created" })).data).toHaveLength(1);
  expect((await stripe.events.list({ types: ["refund.created", "charge.refunded"] })).data).toHaveLength(2);
});

it("filters by time", async () => {
  const { stripe } = emulator;
  const now = Math.floor(Date.now() / 1000);
  expect((await stripe.charges.list({ created: { gte: now + 60 } })).data).toEqual([]);
  expect((await stripe.charges.list({ created: { lt: now - 60 } })).data).toEqual([]);
  expect((await stripe.charges.list({ created: { gt: now - 60, lte: now } })).data).toHaveLength(2);
});

it("pages forwards and backwards", async () => {
  const { stripe } = emulator;
  const made: string[] = [];
  for (let count = 0; count < 5; count += 1)
    made.unshift((await stripe.customers.create({ name: "Page" })).id);
  const ids = async (page: { limit?: number; starting_after?: string; ending_before?: string }) => {
    const { data, has_more } = await stripe.customers.list(page);
    return [data.map(({ id }) => id), has_more];
  };
  expect(await ids({ limit: 2 })).toEqual([made.slice(0, 2), true]);
  expect(await ids({ limit: 2, starting_after: made[1] as string })).toEqual([made.slice(2, 4), true]);
  expect(await ids({ limit: 2, ending_before: made[4] as string })).toEqual([made.slice(2, 4), true]);
  expect(await ids({ limit: 2, ending_before: made[2] as string })).toEqual([made.slice(0, 2), false]);
});

it("unsets a key of metadata with an empty value, and all with an empty parameter", async () => {
  const { stripe, createIntent } = emulator;
  const { id } = await createIntent({ metadata: { a: "1", b: "2" } });
  expect((await stripe.paymentIntents.update(id, { metadata: { a: "", c: "3" } })).metadata).toEqual({
    b: "2",
    c: "3",
  });
  expect((await stripe.paymentIntents.update(id, { metadata: "" })).metadata).toEqual({});
});
