// The Stripe objects that the emulator knows, with the fields that Staybase uses.

import type Stripe from "stripe";

export type PaymentIntent = Pick<
  Stripe.PaymentIntent,
  | "id"
  | "object"
  | "amount"
  | "amount_capturable"
  | "amount_received"
  | "canceled_at"
  | "cancellation_reason"
  | "capture_method"
  | "client_secret"
  | "created"
  | "currency"
  | "description"
  | "livemode"
  | "metadata"
  | "status"
  | "last_payment_error"
  | "next_action"
  | "setup_future_usage"
  | "transfer_group"
> & { customer: string | null; payment_method: string | null; latest_charge: string | null };

export type Charge = Pick<
  Stripe.Charge,
  | "id"
  | "object"
  | "amount"
  | "amount_captured"
  | "amount_refunded"
  | "captured"
  | "created"
  | "currency"
  | "disputed"
  | "livemode"
  | "metadata"
  | "paid"
  | "refunded"
  | "status"
  | "transfer_group"
> & {
  payment_intent: string;
  payment_method: string;
  customer: string | null;
  balance_transaction: string | null;
  payment_method_details: { type: "card"; card: { brand: string; last4: string; capture_before?: number } };
};

export type Refund = Pick<
  Stripe.Refund,
  "id" | "object" | "amount" | "created" | "currency" | "metadata" | "reason" | "status"
> & { charge: string; payment_intent: string; balance_transaction: string };

export type BalanceTransaction = Pick<
  Stripe.BalanceTransaction,
  | "id"
  | "object"
  | "amount"
  | "available_on"
  | "created"
  | "currency"
  | "exchange_rate"
  | "fee"
  | "net"
  | "reporting_category"
  | "status"
  | "type"
> & { source: string; description: string | null };

export type Transfer = Pick<
  Stripe.Transfer,
  | "id"
  | "object"
  | "amount"
  | "amount_reversed"
  | "created"
  | "currency"
  | "livemode"
  | "metadata"
  | "reversed"
  | "transfer_group"
> & { destination: string; balance_transaction: string };

export type TransferReversal = Pick<
  Stripe.TransferReversal,
  "id" | "object" | "amount" | "created" | "currency" | "metadata"
> & { transfer: string; balance_transaction: string };

export type Dispute = Pick<
  Stripe.Dispute,
  | "id"
  | "object"
  | "amount"
  | "created"
  | "currency"
  | "is_charge_refundable"
  | "livemode"
  | "metadata"
  | "reason"
  | "status"
> & {
  charge: string;
  payment_intent: string;
  balance_transactions: BalanceTransaction[];
  evidence: Record<string, string>;
};

export type Account = Pick<
  Stripe.Account,
  | "id"
  | "object"
  | "charges_enabled"
  | "country"
  | "default_currency"
  | "details_submitted"
  | "email"
  | "metadata"
  | "payouts_enabled"
> & {
  created: number;
  requirements: { currently_due: string[]; disabled_reason: string | null };
  type: "express";
};

export type Customer = Pick<
  Stripe.Customer,
  "id" | "object" | "created" | "email" | "livemode" | "metadata" | "name"
>;

export type PaymentMethod = Pick<Stripe.PaymentMethod, "id" | "object" | "created" | "livemode" | "type"> & {
  customer: string | null;
  card: { brand: string; last4: string };
  /** Payment method of the test card, such as `pm_card_visa`. */
  test_method: string;
};

export interface EmulatedEvent {
  id: string;
  object: "event";
  api_version: string;
  created: number;
  data: { object: unknown };
  livemode: false;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: Stripe.Event["type"];
}

export type Item =
  | PaymentIntent
  | Charge
  | Refund
  | BalanceTransaction
  | Transfer
  | TransferReversal
  | Dispute
  | Account
  | Customer
  | PaymentMethod
  | EmulatedEvent;
