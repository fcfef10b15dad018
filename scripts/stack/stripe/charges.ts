// Charges: what a confirmed PaymentIntent asks of a card, and the money that a capture brings in.

import { sequelOf } from "./aftermath.ts";
import { changed, metadataOf, type Parameters, text } from "./form.ts";
import type { Charge, PaymentIntent, PaymentMethod } from "./objects.ts";
import { cardOf } from "./payment-methods.ts";
import type { EmulatorStore } from "./store.ts";

/** Stripe's fee for cards in the United States, in minor units: 2.9 % and 30 more. */
export const feeOf = (amount: number) => Math.round(amount * 0.029) + 30;

const authorizationSeconds = 7 * 24 * 3600;

/** What a charge takes over from its intent; a charge without one has no id here. */
type ChargeRequest = { id: string | null } & Pick<
  PaymentIntent,
  | "amount"
  | "capture_method"
  | "currency"
  | "customer"
  | "description"
  | "metadata"
  | "receipt_email"
  | "shipping"
  | "transfer_group"
>;

/** Creates a charge, not captured yet. @param decline why the bank refuses it */
export function createCharge(
  store: EmulatorStore,
  intent: ChargeRequest,
  method: PaymentMethod,
  isAuthenticated: boolean,
  decline?: { code: string; decline_code?: string; message: string },
): Charge {
  const { card } = method;
  const created = store.now();
  return store.put<Charge>({
    id: store.newId("ch"),
    object: "charge",
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: structuredClone(method.billing_details),
    calculated_statement_descriptor: "STAYBASE",
    captured: false,
    created,
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: decline === undefined ? "approved_by_network" : "declined_by_network",
      reason: decline?.decline_code ?? decline?.code ?? null,
      risk_level: "normal",
      seller_message: decline === undefined ? "Payment complete." : "The bank returned a decline.",
      type: decline === undefined ? "authorized" : "issuer_declined",
    },
    paid: decline === undefined,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: {
      type: "card",
      card: {
        amount_authorized: decline === undefined ? intent.amount : null,
        authorization_code: decline === undefined ? "123456" : null,
        brand: card.brand,
        checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: "pass" },
        country: card.country,
        electronic_commerce_indicator: null,
        exp_month: card.exp_month,
        exp_year: card.exp_year,
        fingerprint: card.fingerprint,
        funding: card.funding,
        installments: null,
        last4: card.last4,
        mandate: null,
        network: card.brand,
        network_transaction_id: null,
        regulated_status: "unregulated",
        three_d_secure: isAuthenticated
          ? {
              authentication_flow: "challenge",
              electronic_commerce_indicator: "05",
              exemption_indicator: null,
              result: "authenticated",
              result_reason: null,
              transaction_id: store.newId("three_d_secure"),
              version: "2.2.0",
            }
          : null,
        transaction_link_id: null,
        wallet: null,
        ...(intent.capture_method === "manual" ? { capture_before: created + authorizationSeconds } : {}),
      },
    },
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: intent.shipping,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: decline === undefined ? "succeeded" : "failed",
    transfer_data: null,
    transfer_group: intent.transfer_group,
  });
}

/** A paid charge without an intent, which older integrations make by the Charges API. */
export function chargeWithoutIntent(
  store: EmulatorStore,
  { amount, currency, metadata }: Pick<ChargeRequest, "amount" | "currency" | "metadata">,
  method: PaymentMethod,
): Charge {
  const request: ChargeRequest = {
    id: null,
    amount,
    capture_method: "automatic",
    currency,
    customer: null,
    description: null,
    metadata,
    receipt_email: null,
    shipping: null,
    transfer_group: null,
  };
  const charge = createCharge(store, request, method, false);
  takeIn(store, charge, amount);
  store.emit("charge.succeeded", charge);
  sequelOf(store, charge, cardOf(method).sequel);
  return charge;
}

/** Captures `amount` (minor units) of a charge, which completes its intent. */
export function captureCharge(
  store: EmulatorStore,
  intent: PaymentIntent,
  charge: Charge,
  amount: number,
): void {
  takeIn(store, charge, amount);
  intent.status = "succeeded";
  intent.amount_received = amount;
  intent.amount_capturable = 0;
  store.emit(intent.capture_method === "manual" ? "charge.captured" : "charge.succeeded", charge);
  store.emit("payment_intent.succeeded", intent);
  const method = store.get<PaymentMethod>("payment_method", charge.payment_method ?? "");
  sequelOf(store, charge, cardOf(method).sequel);
}

function takeIn(store: EmulatorStore, charge: Charge, amount: number): void {
  const transaction = store.move({
    amount,
    currency: charge.currency,
    description: charge.description,
    fee: feeOf(amount),
    reporting_category: "charge",
    source: charge.id,
    type: "charge",
  });
  Object.assign(charge, { captured: true, amount_captured: amount, balance_transaction: transaction.id });
}

export function updateCharge(store: EmulatorStore, id: string, parameters: Parameters): Charge {
  const charge = store.get<Charge>("charge", id, "charge");
  charge.description = changed(parameters, "description", charge.description);
  charge.metadata = metadataOf(parameters, charge.metadata);
  charge.receipt_email = changed(parameters, "receipt_email", charge.receipt_email);
  charge.transfer_group = text(parameters, "transfer_group") ?? charge.transfer_group;
  store.emit("charge.updated", charge);
  return charge;
}
