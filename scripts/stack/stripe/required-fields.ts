// The fields that an object must have. Source: `required` of the schemas in Stripe's OpenAPI description, version 2026-08-26.dahlia, as in
// the Go module github.com/stripe/stripe-mock v0.203.0. An inner object has the path that leads to it.

export const requiredFields: Record<string, string> = {
  account: "id object",
  account_link: "created expires_at object url",
  balance: "available livemode object pending",
  "balance/available": "amount currency",
  "balance/pending": "amount currency",
  balance_transaction:
    "amount available_on balance_type created currency fee fee_details id net object reporting_category status type",
  "balance_transaction/fee_details": "amount currency type",
  charge:
    "amount amount_captured amount_refunded billing_details captured created currency disputed id livemode metadata object paid refunded status",
  "charge/payment_method_details": "type",
  "charge/payment_method_details.card": "exp_month exp_year",
  customer: "created id livemode object",
  dispute:
    "amount balance_transactions charge created currency enhanced_eligibility_types evidence evidence_details id is_charge_refundable livemode metadata object reason status",
  "dispute/evidence": "enhanced_evidence",
  "dispute/evidence_details": "enhanced_eligibility has_evidence past_due submission_count",
  "dispute/payment_method_details": "type",
  "dispute/payment_method_details.card": "brand case_type network",
  ephemeral_key: "created expires id livemode object",
  event: "created data id livemode object pending_webhooks type",
  login_link: "created object url",
  payment_intent: "created id livemode object status",
  "payment_intent/last_payment_error": "type",
  payment_method: "billing_details created id livemode object type",
  "payment_method/card": "brand exp_month exp_year funding last4",
  payout:
    "amount arrival_date automatic created currency id livemode method object reconciliation_status source_type status type",
  "radar.early_fraud_warning": "actionable charge created fraud_type id livemode object",
  refund: "amount created currency id object",
  "refund/destination_details": "type",
  setup_intent: "created id livemode object payment_method_types status usage",
  transfer: "amount amount_reversed created currency id livemode metadata object reversals reversed",
  transfer_reversal: "amount created currency id object transfer",
  list: "data has_more object url",
};
