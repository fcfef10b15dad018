// Stripe as a table of intents, refunds, disputes and transfers, for histories that run in one database transaction: it refuses what
// Stripe refuses, and keeps books of its own.

/** Movements of the platform's balance at Stripe, in minor units; fees are zero except of disputes. */
interface Settlement {
  id: string;
  currency: string;
  amount: number;
  fee: number;
  net: number;
  created: number;
}

export interface Refund {
  id: string;
  intent: Intent;
  refund_id: string | null;
  amount: number;
  status: "succeeded" | "failed";
  settlement: Settlement;
  failure_settlement: Settlement | null;
}

export interface Dispute {
  id: string;
  intent: Intent;
  amount: number;
  status: string;
  movements: Settlement[];
}

export interface Intent {
  id: string;
  paymentId: string;
  currency: string;
  amount: number;
  status: "requires_payment_method" | "succeeded" | "canceled";
  charge: Settlement | null;
  refunds: Refund[];
  disputes: Dispute[];
}

export interface Transfer {
  id: string;
  payout_id: string;
  amount: number;
  currency: string;
  balance_transaction: string;
  reversals: {
    id: string;
    reversal_id: string;
    amount: number;
    created: number;
    balance_transaction: string;
  }[];
}

/** An answer of Stripe that no repetition changes. */
export class Refusal extends Error {}

const disputeFee = 1_500;
const created = 1_800_000_000;

export class StripeBooks {
  readonly intents: Intent[] = [];
  readonly transfers: Transfer[] = [];
  /** The balance by currency. */
  readonly balance: Record<string, number> = {};
  readonly #run: string;
  #number = 0;

  /** @param run makes ids unique among histories */
  constructor(run: string) {
    this.#run = run;
  }

  newId(prefix: string): string {
    this.#number += 1;
    return `${prefix}_${this.#run}${this.#number}`;
  }

  #move(currency: string, amount: number, fee = 0): Settlement {
    this.balance[currency] = (this.balance[currency] ?? 0) + amount - fee;
    return {
      id: this.newId("txn"),
      currency: currency.toLowerCase(),
      amount,
      fee,
      net: amount - fee,
      created,
    };
  }

  intentOf(paymentId: string, currency: string, amount: number): Intent {
    const found = this.intents.find((intent) => intent.paymentId === paymentId);
    if (found !== undefined) return found;
    const intent: Intent = {
      id: this.newId("pi"),
      paymentId,
      currency,
      amount,
      status: "requires_payment_method",
      charge: null,
      refunds: [],
      disputes: [],
    };
    this.intents.push(intent);
    return intent;
  }

  charge(intent: Intent): void {
    if (intent.status !== "requires_payment_method") throw new Refusal("payment_intent_unexpected_state");
    intent.status = "succeeded";
    intent.charge = this.#move(intent.currency, intent.amount);
  }

  refundedOf(intent: Intent): number {
    return sum(intent.refunds.filter(({ status }) => status === "succeeded"));
  }

  refund(intent: Intent, amount: number, refundId: string | null): Refund {
    const repeated = intent.refunds.find(({ refund_id }) => refundId !== null && refund_id === refundId);
    if (repeated !== undefined) return repeated;
    if (intent.status !== "succeeded") throw new Refusal("This charge has not been captured.");
    if (intent.disputes.some(isOpen)) throw new Refusal("charge_disputed");
    const lost = sum(intent.disputes.filter(({ movements }) => movements.length % 2 === 1));
    if (amount < 1 || amount > intent.amount - this.refundedOf(intent) - lost) {
      throw new Refusal("Refund amount is greater than unrefunded amount on charge");
    }
    const refund: Refund = {
      id: this.newId("re"),
      intent,
      refund_id: refundId,
      amount,
      status: "succeeded",
      settlement: this.#move(intent.currency, -amount),
      failure_settlement: null,
    };
    intent.refunds.push(refund);
    return refund;
  }

  /** The guest's bank does not take the refund. */
  failRefund(refund: Refund): void {
    refund.status = "failed";
    refund.failure_settlement = this.#move(refund.intent.currency, refund.amount);
  }

  openDispute(intent: Intent, amount: number, isInquiry: boolean): Dispute {
    const dispute: Dispute = {
      id: this.newId("dp"),
      intent,
      amount,
      status: isInquiry ? "warning_needs_response" : "needs_response",
      movements: isInquiry ? [] : [this.#move(intent.currency, -amount, disputeFee)],
    };
    intent.disputes.push(dispute);
    return dispute;
  }

  /** Brings a dispute to another state, with the movement that Stripe makes for it. */
  changeDispute(dispute: Dispute, status: string): void {
    const { currency } = dispute.intent;
    const isWithdrawn = dispute.movements.length % 2 === 1;
    if (["needs_response", "lost"].includes(status) && !isWithdrawn) {
      dispute.movements.push(this.#move(currency, -dispute.amount, disputeFee));
    }
    if (status === "won" && isWithdrawn) dispute.movements.push(this.#move(currency, dispute.amount));
    dispute.status = status;
  }

  transfer(payoutId: string, amount: number, currency: string): Transfer {
    const repeated = this.transfers.find(({ payout_id }) => payout_id === payoutId);
    if (repeated !== undefined) return repeated;
    const { id } = this.#move(currency, -amount);
    const transfer: Transfer = {
      id: this.newId("tr"),
      payout_id: payoutId,
      amount,
      currency: currency.toLowerCase(),
      balance_transaction: id,
      reversals: [],
    };
    this.transfers.push(transfer);
    return transfer;
  }

  reverse(transfer: Transfer, reversalId: string, amount: number): void {
    if (transfer.reversals.some(({ reversal_id }) => reversal_id === reversalId)) return;
    const { id } = this.#move(transfer.currency.toUpperCase(), amount);
    transfer.reversals.push({
      id: this.newId("trr"),
      reversal_id: reversalId,
      amount,
      created,
      balance_transaction: id,
    });
  }
}

export const isOpen = ({ status }: Dispute) => status === "needs_response" || status === "under_review";
export const sum = (items: { amount: number }[]) => items.reduce((total, { amount }) => total + amount, 0);

/** The objects in the form that the database takes. */
export const stateOf = {
  intent: ({ id, paymentId, status, amount, currency, charge }: Intent) => ({
    id,
    payment_id: paymentId,
    status,
    amount,
    amount_received: amount,
    currency: currency.toLowerCase(),
    created,
    charge: `ch_${id}`,
    settlement: charge,
    payment_method: { id: `pm_${id}`, brand: "visa", last4: "4242", is_reusable: true },
  }),
  refund: ({ id, intent, refund_id, amount, status, settlement, failure_settlement }: Refund) => ({
    id,
    refund_id,
    payment_intent: intent.id,
    status,
    amount,
    created,
    settlement,
    failure_settlement,
    failure_reason: failure_settlement === null ? null : "expired_or_canceled_card",
  }),
  dispute: ({ id, intent, amount, status, movements }: Dispute) => ({
    id,
    payment_intent: intent.id,
    status,
    reason: "fraudulent",
    amount,
    movements: [...movements],
  }),
  transfer: (transfer: Transfer) => ({ ...transfer, created, reversals: [...transfer.reversals] }),
};
