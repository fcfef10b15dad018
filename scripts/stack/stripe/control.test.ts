// What happens at Stripe without us: the control surface makes payments that are not ours, dashboard refunds, disputes and
// warnings of fraud.

import type Stripe from "stripe";
import { beforeAll, describe, expect, it } from "vitest";
import { errorOf, startEmulator, until } from "./test-support.ts";

let emulator: Awaited<ReturnType<typeof startEmulator>>;
beforeAll(async () => {
  emulator = await startEmulator();
});

/** The types of the events of an object, sorted. */
const typesOf = (id: string, count: number) =>
  until(() => {
    const types = emulator.events
      .filter(({ data }) => (data.object as { id?: string }).id === id)
      .map(({ type }) => type)
      .sort();
    return types.length === count && types;
  });
/** What the balance in euros has become since `before`. */
const euros = async () =>
  (await emulator.stripe.balance.retrieve()).available.find(({ currency }) => currency === "eur")?.amount ??
  0;

it("lists its commands", async () => {
  const commands = (await (await fetch(`${emulator.url}/_emulator`)).json()) as object;
  expect(Object.keys(commands)).toEqual([
    "faults",
    "webhooks",
    "release",
    "settle",
    "conversions",
    "charge",
    "refund",
    "fail_refund",
    "dispute",
    "decide",
    "early_fraud_warning",
    "restrict",
    "send_again",
  ]);
  expect(await emulator.control("unheard_of")).toMatchObject({ error: { type: "invalid_request_error" } });
});

it("makes a payment that is not ours, and refunds it as the dashboard does", async () => {
  const charge = await emulator.control<Stripe.Charge>("charge", { amount: 2_000, currency: "eur" });
  expect([charge.amount, charge.captured, charge.metadata]).toEqual([2_000, true, {}]);
  const refund = await emulator.control<Stripe.Refund>("refund", { charge: charge.id, amount: 500 });
  expect([refund.amount, refund.metadata, refund.status]).toEqual([500, {}, "succeeded"]);
  expect(await typesOf(refund.id, 1)).toEqual(["refund.created"]);
  expect(await typesOf(charge.id, 2)).toEqual(["charge.refunded", "charge.succeeded"]);

  const older = { amount: 2_000, currency: "eur", intent: false };
  const without = await emulator.control<Stripe.Charge>("charge", older);
  expect([without.amount_captured, without.payment_intent]).toEqual([2_000, null]);
  expect(await typesOf(without.id, 1)).toEqual(["charge.succeeded"]);
  const warning = await emulator.control<Stripe.Radar.EarlyFraudWarning>("early_fraud_warning", {
    charge: without.id,
  });
  expect(warning).not.toHaveProperty("payment_intent");

  const before = await euros();
  const failed = await emulator.control<Stripe.Refund>("fail_refund", { refund: refund.id });
  expect([failed.status, failed.failure_reason]).toEqual(["failed", "expired_or_canceled_card"]);
  expect((await euros()) - before).toBe(500);
  expect((await emulator.stripe.charges.retrieve(charge.id)).amount_refunded).toBe(0);
});

describe("a dispute", () => {
  const openDispute = async (options: object = {}) => {
    const { latest_charge } = await emulator.pay();
    return emulator.control<Stripe.Dispute>("dispute", { charge: latest_charge, ...options });
  };
  const decide = (dispute: Stripe.Dispute, status: string) =>
    emulator.control<Stripe.Dispute>("decide", { dispute: dispute.id, status });

  it("takes the amount and 15.00, is lost, and is won on appeal", async () => {
    const { latest_charge } = await emulator.pay();
    const before = await euros();
    const dispute = await emulator.control<Stripe.Dispute>("dispute", { charge: latest_charge });
    expect([dispute.status, dispute.amount, dispute.is_charge_refundable]).toEqual([
      "needs_response",
      10_000,
      false,
    ]);
    expect((await euros()) - before).toBe(-11_500);
    const refund = emulator.stripe.refunds.create({ charge: latest_charge as string });
    expect(await errorOf(refund)).toMatchObject({ code: "charge_disputed" });
    expect((await decide(dispute, "lost")).status).toBe("lost");
    expect((await euros()) - before).toBe(-11_500);
    expect((await decide(dispute, "won")).status).toBe("won");
    expect(await euros()).toBe(before);
    expect(await typesOf(dispute.id, 5)).toEqual([
      "charge.dispute.closed",
      "charge.dispute.closed",
      "charge.dispute.created",
      "charge.dispute.funds_reinstated",
      "charge.dispute.funds_withdrawn",
    ]);
    expect((await emulator.stripe.refunds.create({ charge: latest_charge as string })).status).toBe(
      "succeeded",
    );
  });

  it("of a part takes that part", async () => {
    const before = await euros();
    await openDispute({ amount: 3_000, reason: "product_not_received" });
    // 100.00 less the fee of 3.20, less 30.00 and 15.00
    expect((await euros()) - before).toBe(9_680 - 4_500);
  });

  it("that is an inquiry moves no money and holds back no refund, until the bank makes a dispute of it", async () => {
    const before = await euros();
    const inquiry = await openDispute({ inquiry: true });
    expect([inquiry.status, inquiry.balance_transactions, inquiry.is_charge_refundable]).toEqual([
      "warning_needs_response",
      [],
      true,
    ]);
    expect((await euros()) - before).toBe(9_680);
    const refund = await emulator.stripe.refunds.create({ charge: inquiry.charge as string, amount: 1_000 });
    expect(refund.status).toBe("succeeded");
    expect((await decide(inquiry, "needs_response")).status).toBe("needs_response");
    expect((await euros()) - before).toBe(9_680 - 1_000 - 11_500);
    const closed = await openDispute({ inquiry: true });
    expect((await decide(closed, "warning_closed")).status).toBe("warning_closed");
    expect(await emulator.control("decide", { dispute: closed.id, status: "won" })).toMatchObject({
      error: { message: "A dispute that is warning_closed cannot become won." },
    });
  });

  it("keeps its evidence, counts submissions, and is decided by the evidence", async () => {
    const { stripe } = emulator;
    const { id } = await openDispute();
    const staged = await stripe.disputes.update(id, {
      evidence: { customer_name: "Ben", service_date: "2026-11-30" },
      submit: false,
    });
    expect([
      staged.status,
      staged.evidence_details.has_evidence,
      staged.evidence_details.submission_count,
    ]).toEqual(["needs_response", true, 0]);
    const sent = await stripe.disputes.update(id, { submit: true });
    expect([sent.status, sent.evidence_details.submission_count, sent.evidence.customer_name]).toEqual([
      "under_review",
      1,
      "Ben",
    ]);
    const won = await stripe.disputes.update(id, { evidence: { uncategorized_text: "winning_evidence" } });
    expect([won.status, won.evidence_details.submission_count, won.evidence.customer_name]).toEqual([
      "won",
      2,
      "Ben",
    ]);
    const late = stripe.disputes.update(id, { evidence: { customer_name: "Eva" } });
    expect(await errorOf(late)).toMatchObject({ status: 400, message: "This dispute is already closed." });
  });

  it("is lost when it is accepted", async () => {
    const { stripe } = emulator;
    const { id } = await openDispute();
    expect((await stripe.disputes.close(id)).status).toBe("lost");
    expect(await errorOf(stripe.disputes.close(id))).toMatchObject({ status: 400 });
  });

  it.each([
    ["pm_card_createDispute", "needs_response"],
    ["pm_card_createDisputeInquiry", "warning_needs_response"],
  ])("follows a payment with %s, captured at once or later", async (payment_method, status) => {
    const { stripe, pay } = emulator;
    const now = await pay({ payment_method });
    const later = await pay({ payment_method, capture_method: "manual" });
    await stripe.paymentIntents.capture(later.id);
    for (const { id } of [now, later]) {
      const { data } = await stripe.disputes.list({ payment_intent: id });
      expect(data.map((dispute) => dispute.status)).toEqual([status]);
    }
  });
});

it("warns of fraud, which a full refund settles", async () => {
  const { stripe, pay, control } = emulator;
  const { id } = await pay({ payment_method: "pm_card_createIssuerFraudRecord" });
  const { data } = await stripe.radar.earlyFraudWarnings.list({ payment_intent: id });
  expect(data.map(({ actionable, fraud_type }) => [actionable, fraud_type])).toEqual([
    [true, "made_with_stolen_card"],
  ]);
  await stripe.refunds.create({ payment_intent: id });
  const warning = data[0]?.id ?? "";
  expect((await stripe.radar.earlyFraudWarnings.retrieve(warning)).actionable).toBe(false);
  expect(await typesOf(warning, 2)).toEqual([
    "radar.early_fraud_warning.created",
    "radar.early_fraud_warning.updated",
  ]);
  const paid = await pay();
  const made = await control<Stripe.Radar.EarlyFraudWarning>("early_fraud_warning", {
    payment_intent: paid.id,
  });
  expect(made.charge).toBe(paid.latest_charge);
});

it("transfers at most what a charge brought in, when the charge is its source", async () => {
  const { stripe, pay, openAccount } = emulator;
  const destination = await openAccount();
  const { latest_charge } = await pay({ transfer_group: "booking" });
  const transfer = (amount: number) =>
    stripe.transfers.create({
      amount,
      currency: "eur",
      destination,
      source_transaction: latest_charge as string,
    });
  const first = await transfer(6_000);
  expect([first.source_transaction, first.transfer_group]).toEqual([latest_charge, "booking"]);
  expect(await errorOf(transfer(4_001))).toMatchObject({ status: 400, param: "amount" });
  await transfer(4_000);
  const other = stripe.transfers.create({
    amount: 1,
    currency: "usd",
    destination,
    source_transaction: latest_charge as string,
  });
  expect(await errorOf(other)).toMatchObject({ status: 400, param: "currency" });
});

it("stops the payouts of an account, and allows them again", async () => {
  const account = await emulator.openAccount();
  await emulator.stripe.paymentIntents.create({
    amount: 5_000,
    currency: "eur",
    confirm: true,
    payment_method: "pm_card_visa",
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
  });
  const transfer = () =>
    emulator.stripe.transfers.create({ amount: 100, currency: "eur", destination: account });
  await emulator.control("restrict", { account });
  await expect(transfer()).rejects.toThrow("Your destination account needs");
  await emulator.control("restrict", { account, payouts_enabled: true });
  expect((await transfer()).amount).toBe(100);
});
