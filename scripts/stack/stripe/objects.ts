// The Stripe objects that the emulator knows, with every field that Stripe's own types require.

import type Stripe from "stripe";

/** A Stripe object in the store, where expandable fields hold ids. */
type Stored<T, Expandable extends keyof T> = Omit<T, Expandable> & {
  [K in Expandable]: null extends T[K] ? string | null : string;
};

export type PaymentIntent = Stored<
  Stripe.PaymentIntent,
  | "application"
  | "customer"
  | "latest_charge"
  | "on_behalf_of"
  | "payment_method"
  | "payment_record"
  | "review"
  | "source"
>;

export type SetupIntent = Stored<
  Stripe.SetupIntent,
  | "application"
  | "customer"
  | "latest_attempt"
  | "mandate"
  | "on_behalf_of"
  | "payment_method"
  | "single_use_mandate"
>;

export type Charge = Stored<
  Stripe.Charge,
  | "application"
  | "application_fee"
  | "balance_transaction"
  | "customer"
  | "failure_balance_transaction"
  | "on_behalf_of"
  | "payment_intent"
  | "review"
  | "source_transfer"
>;

export type Refund = Stored<
  Stripe.Refund,
  | "balance_transaction"
  | "charge"
  | "customer"
  | "payment_intent"
  | "payment_method"
  | "source_transfer_reversal"
  | "transfer_reversal"
> & { failure_balance_transaction?: string };

export type BalanceTransaction = Stored<Stripe.BalanceTransaction, "source">;

export type Transfer = Stored<Stripe.Transfer, "balance_transaction" | "destination" | "source_transaction">;

export type TransferReversal = Stored<
  Stripe.TransferReversal,
  "balance_transaction" | "destination_payment_refund" | "source_refund" | "transfer"
>;

export type Dispute = Stored<Stripe.Dispute, "charge" | "payment_intent">;

export type EarlyFraudWarning = Omit<Stripe.Radar.EarlyFraudWarning, "charge" | "payment_intent"> & {
  charge: string;
  payment_intent?: string;
};

export type Payout = Stored<
  Stripe.Payout,
  | "application_fee"
  | "balance_transaction"
  | "destination"
  | "failure_balance_transaction"
  | "original_payout"
  | "reversed_by"
>;

export type Account = Stripe.Account;

export type Customer = Stored<Stripe.Customer, "default_source"> & {
  address: Stripe.Address | null;
  name: string | null;
  phone: string | null;
};

export interface DeletedCustomer {
  id: string;
  object: "customer";
  deleted: true;
}

export type PaymentMethod = Stored<Stripe.PaymentMethod, "customer"> & {
  card: Stripe.PaymentMethod.Card & { fingerprint: string };
  /** Not part of the answers. */
  emulator: {
    /** The name of its test card, such as pm_card_visa. */
    card: string;
    /** It paid once without being attached to a customer, or was detached: it can never be used again. */
    spent: boolean;
    /** Its owner has proved an identity to the bank, for payments in the owner's absence. */
    authenticated: boolean;
  };
};

export type EphemeralKey = Stripe.EphemeralKey & {
  associated_objects: { id: string; type: "customer" }[];
  secret: string;
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

/** The first answer to a request with an idempotency key. */
export interface StoredAnswer {
  id: string;
  object: "emulator.answer";
  request: string;
  status: number;
  body: unknown;
}

/** What tests have set. */
export interface Settings {
  id: "settings";
  object: "emulator.settings";
  conversions: Record<string, { to: string; rate: number }>;
}

export type Item =
  | PaymentIntent
  | SetupIntent
  | Charge
  | Refund
  | BalanceTransaction
  | Transfer
  | TransferReversal
  | Dispute
  | EarlyFraudWarning
  | Payout
  | Account
  | Customer
  | DeletedCustomer
  | PaymentMethod
  | EphemeralKey
  | EmulatedEvent
  | StoredAnswer
  | Settings;
