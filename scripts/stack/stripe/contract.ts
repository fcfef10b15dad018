// What each route takes, by the parameters of Stripe's OpenAPI description (version 2026-08-26.dahlia) and the types of package
// `stripe` (version 2026-10-28.endive), which replaced `payment_method_types` in requests by `allowed_payment_method_types`.

import type { Contract, Rules } from "./parameters.ts";

const page: Rules = { ending_before: "text", limit: "integer", starting_after: "text" };
const address: Rules = {
  city: "clearable",
  country: "clearable",
  line1: "clearable",
  line2: "clearable",
  postal_code: "clearable",
  state: "clearable",
};
const shipping: Rules = { address: { fields: address }, name: "text", phone: "clearable" };
const billing: Rules = {
  address: { fields: address, clearable: true },
  email: "clearable",
  name: "clearable",
  phone: "clearable",
};
const card: Rules = { cvc: "text", exp_month: "integer", exp_year: "integer", number: "text", token: "text" };
const cards = { has: ["card"] } as const;
const automatic: Rules = { allow_redirects: { choices: ["always", "never"] }, enabled: "flag" };
const redisplay = { choices: ["always", "limited", "unspecified"] } as const;
const future = { choices: ["off_session", "on_session"], clearable: true } as const;
const capture = { choices: ["automatic", "automatic_async", "manual"] } as const;

const customer: Rules = {
  address: { fields: address, clearable: true },
  description: "clearable",
  email: "clearable",
  invoice_settings: { fields: { default_payment_method: "clearable" } },
  metadata: "metadata",
  name: "clearable",
  phone: "clearable",
  shipping: { fields: shipping, clearable: true },
};
const lackingOfCustomers =
  "balance business_name cash_balance individual_name invoice_prefix next_invoice_sequence preferred_locales source tax tax_exempt validate";

const account: Rules = {
  business_type: { choices: ["company", "government_entity", "individual", "non_profit"] },
  capabilities: {
    fields: {
      card_payments: { fields: { requested: "flag" } },
      transfers: { fields: { requested: "flag" } },
    },
  },
  email: "text",
  metadata: "metadata",
};
const lackingOfAccounts =
  "account_token business_profile company documents external_account groups individual settings tos_acceptance";

const intent: Rules = {
  amount: "integer",
  capture_method: capture,
  currency: "text",
  customer: "text",
  description: "clearable",
  metadata: "metadata",
  payment_method: "clearable",
  allowed_payment_method_types: cards,
  receipt_email: "clearable",
  setup_future_usage: future,
  shipping: { fields: shipping, clearable: true },
  transfer_group: "text",
};
const lackingOfIntents =
  "amount_details application_fee_amount customer_account excluded_payment_method_types hooks payment_details payment_method_configuration payment_method_data payment_method_options statement_descriptor statement_descriptor_suffix transfer_data";

const setup: Rules = {
  customer: "text",
  description: "text",
  metadata: "metadata",
  payment_method: "text",
  allowed_payment_method_types: cards,
};
const lackingOfSetups =
  "attach_to_self customer_account excluded_payment_method_types flow_directions payment_method_configuration payment_method_data payment_method_options";

const cancellation = ["abandoned", "duplicate", "requested_by_customer"];

/** Evidence that is text; the rest of what Stripe takes are files. */
export const evidenceTexts = [
  "access_activity_log",
  "billing_address",
  "cancellation_policy_disclosure",
  "cancellation_rebuttal",
  "customer_email_address",
  "customer_name",
  "customer_purchase_ip",
  "duplicate_charge_explanation",
  "duplicate_charge_id",
  "product_description",
  "refund_policy_disclosure",
  "refund_refusal_explanation",
  "service_date",
  "shipping_address",
  "shipping_carrier",
  "shipping_date",
  "shipping_tracking_number",
  "uncategorized_text",
] as const;
export const evidenceFiles = [
  "cancellation_policy",
  "customer_communication",
  "customer_signature",
  "duplicate_charge_documentation",
  "receipt",
  "refund_policy",
  "service_documentation",
  "shipping_documentation",
  "uncategorized_file",
] as const;

export const contracts = {
  "POST /v1/account_links": {
    takes: {
      account: "text",
      refresh_url: "text",
      return_url: "text",
      type: { has: ["account_onboarding"] },
    },
    needs: ["account", "type"],
    lacks: "collect collection_options",
  },
  "GET /v1/accounts": { takes: { ...page, created: "time" } },
  "POST /v1/accounts": {
    takes: { ...account, country: "text", default_currency: "text", type: { has: ["express"] } },
    lacks: `${lackingOfAccounts} bank_account controller`,
  },
  "GET /v1/accounts/:id": { takes: {} },
  "POST /v1/accounts/:id": { takes: account, lacks: `${lackingOfAccounts} default_currency` },
  "POST /v1/accounts/:id/login_links": { takes: {} },
  "GET /v1/balance": { takes: {} },
  "GET /v1/balance_transactions": {
    takes: { ...page, created: "time", currency: "text", source: "text", type: "text" },
    lacks: "payout",
  },
  "GET /v1/balance_transactions/:id": { takes: {} },
  "GET /v1/charges": {
    takes: { ...page, created: "time", customer: "text", payment_intent: "text", transfer_group: "text" },
  },
  "GET /v1/charges/:id": { takes: {} },
  "POST /v1/charges/:id": {
    takes: {
      description: "clearable",
      metadata: "metadata",
      receipt_email: "clearable",
      transfer_group: "text",
    },
    lacks: "customer fraud_details shipping",
  },
  "GET /v1/customers": { takes: { ...page, created: "time", email: "text" }, lacks: "test_clock" },
  "POST /v1/customers": {
    takes: { ...customer, payment_method: "text" },
    lacks: `${lackingOfCustomers} tax_id_data test_clock`,
  },
  "GET /v1/customers/:id": { takes: {} },
  "POST /v1/customers/:id": {
    takes: customer,
    lacks: `${lackingOfCustomers} bank_account card default_alipay_account default_bank_account default_card default_source`,
  },
  "DELETE /v1/customers/:id": { takes: {} },
  "GET /v1/customers/:id/payment_methods": { takes: { ...page, allow_redisplay: redisplay, type: "text" } },
  "GET /v1/customers/:id/payment_methods/:inner": { takes: {} },
  "GET /v1/disputes": { takes: { ...page, charge: "text", created: "time", payment_intent: "text" } },
  "GET /v1/disputes/:id": { takes: {} },
  "POST /v1/disputes/:id": {
    takes: {
      evidence: { fields: Object.fromEntries(evidenceTexts.map((name) => [name, "clearable"])) },
      metadata: "metadata",
      submit: "flag",
    },
    lacks: "intended_submission_method",
  },
  "POST /v1/disputes/:id/close": { takes: {} },
  "POST /v1/ephemeral_keys": {
    takes: { customer: "text" },
    lacks: "issuing_card nonce verification_session",
  },
  "DELETE /v1/ephemeral_keys/:id": { takes: {} },
  "GET /v1/events": {
    takes: { ...page, created: "time", type: "text", types: "texts" },
    lacks: "delivery_success",
  },
  "GET /v1/events/:id": { takes: {} },
  "GET /v1/payment_intents": {
    takes: { ...page, created: "time", customer: "text" },
    lacks: "customer_account",
  },
  "POST /v1/payment_intents": {
    takes: {
      ...intent,
      automatic_payment_methods: { fields: automatic },
      confirm: "flag",
      error_on_requires_action: "flag",
      off_session: "flag",
      return_url: "text",
    },
    needs: ["amount", "currency"],
    lacks: `${lackingOfIntents} confirmation_method confirmation_token mandate mandate_data on_behalf_of radar_options use_stripe_sdk`,
  },
  "GET /v1/payment_intents/:id": { takes: { client_secret: "text" } },
  "POST /v1/payment_intents/:id": { takes: intent, lacks: lackingOfIntents },
  "POST /v1/payment_intents/:id/confirm": {
    takes: {
      capture_method: capture,
      client_secret: "text",
      error_on_requires_action: "flag",
      off_session: "flag",
      payment_method: "text",
      allowed_payment_method_types: cards,
      receipt_email: "clearable",
      return_url: "text",
      setup_future_usage: future,
      shipping: { fields: shipping, clearable: true },
    },
    lacks:
      "amount_details amount_to_confirm confirmation_token excluded_payment_method_types hooks mandate mandate_data payment_details payment_method_data payment_method_options radar_options use_stripe_sdk",
  },
  "POST /v1/payment_intents/:id/capture": {
    takes: { amount_to_capture: "integer", metadata: "metadata" },
    lacks:
      "amount_details application_fee_amount final_capture hooks payment_details statement_descriptor statement_descriptor_suffix transfer_data",
  },
  "POST /v1/payment_intents/:id/cancel": {
    takes: { cancellation_reason: { choices: [...cancellation, "fraudulent"] } },
  },
  "GET /v1/payment_methods": {
    takes: { ...page, allow_redisplay: redisplay, customer: "text", type: "text" },
    lacks: "customer_account",
  },
  "POST /v1/payment_methods": {
    takes: {
      allow_redisplay: redisplay,
      billing_details: { fields: billing },
      card: { fields: card },
      metadata: "metadata",
      type: cards,
    },
    lacks:
      "acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit bancontact billie bizum blik boleto cashapp crypto custom customer customer_balance eps fpx giropay grabpay ideal interac_present kakao_pay klarna konbini kr_card link mb_way mobilepay multibanco naver_pay nz_bank_account oxxo p24 pay_by_bank payco payment_method paynow paypal payto pix promptpay radar_options revolut_pay samsung_pay satispay scalapay sepa_debit sofort sunbit swish twint upi us_bank_account wechat_pay zip",
  },
  "GET /v1/payment_methods/:id": { takes: {} },
  "POST /v1/payment_methods/:id": {
    takes: {
      allow_redisplay: redisplay,
      billing_details: { fields: billing },
      card: { fields: { exp_month: "integer", exp_year: "integer" } },
      metadata: "metadata",
    },
    lacks: "payto us_bank_account",
  },
  "POST /v1/payment_methods/:id/attach": {
    takes: { customer: "text" },
    needs: ["customer"],
    lacks: "customer_account",
  },
  "POST /v1/payment_methods/:id/detach": { takes: {} },
  "GET /v1/payouts": {
    takes: { ...page, created: "time", status: "text" },
    lacks: "arrival_date destination",
  },
  "POST /v1/payouts": {
    takes: {
      amount: "integer",
      currency: "text",
      description: "text",
      metadata: "metadata",
      method: { has: ["standard"] },
      statement_descriptor: "text",
    },
    needs: ["amount", "currency"],
    lacks: "destination payout_method source_type",
  },
  "GET /v1/payouts/:id": { takes: {} },
  "GET /v1/radar/early_fraud_warnings": {
    takes: { ...page, charge: "text", created: "time", payment_intent: "text" },
  },
  "GET /v1/radar/early_fraud_warnings/:id": { takes: {} },
  "GET /v1/refunds": { takes: { ...page, charge: "text", created: "time", payment_intent: "text" } },
  "POST /v1/refunds": {
    takes: {
      amount: "integer",
      charge: "text",
      metadata: "metadata",
      payment_intent: "text",
      reason: { choices: ["duplicate", "fraudulent", "requested_by_customer"] },
    },
    lacks: "currency customer instructions_email origin refund_application_fee reverse_transfer",
  },
  "GET /v1/refunds/:id": { takes: {} },
  "POST /v1/refunds/:id": { takes: { metadata: "metadata" } },
  "GET /v1/setup_intents": {
    takes: { ...page, created: "time", customer: "text", payment_method: "text" },
    lacks: "attach_to_self customer_account",
  },
  "POST /v1/setup_intents": {
    takes: {
      ...setup,
      automatic_payment_methods: { fields: automatic },
      confirm: "flag",
      return_url: "text",
      usage: { choices: ["off_session", "on_session"] },
    },
    lacks: `${lackingOfSetups} confirmation_token mandate_data on_behalf_of single_use use_stripe_sdk`,
  },
  "GET /v1/setup_intents/:id": { takes: { client_secret: "text" } },
  "POST /v1/setup_intents/:id": { takes: setup, lacks: lackingOfSetups },
  "POST /v1/setup_intents/:id/confirm": {
    takes: {
      allowed_payment_method_types: cards,
      client_secret: "text",
      payment_method: "text",
      return_url: "text",
    },
    lacks: "confirmation_token mandate_data payment_method_data payment_method_options use_stripe_sdk",
  },
  "POST /v1/setup_intents/:id/cancel": { takes: { cancellation_reason: { choices: cancellation } } },
  "GET /v1/transfers": { takes: { ...page, created: "time", destination: "text", transfer_group: "text" } },
  "POST /v1/transfers": {
    takes: {
      amount: "integer",
      currency: "text",
      description: "text",
      destination: "text",
      metadata: "metadata",
      source_transaction: "text",
      transfer_group: "text",
    },
    needs: ["currency", "destination"],
    lacks: "source_type",
  },
  "GET /v1/transfers/:id": { takes: {} },
  "POST /v1/transfers/:id": { takes: { description: "clearable", metadata: "metadata" } },
  "GET /v1/transfers/:id/reversals": { takes: page },
  "POST /v1/transfers/:id/reversals": {
    takes: { amount: "integer", description: "text", metadata: "metadata" },
    lacks: "refund_application_fee",
  },
  "GET /v1/transfers/:id/reversals/:inner": { takes: {} },
  "POST /v1/transfers/:id/reversals/:inner": { takes: { metadata: "metadata" } },
} satisfies Record<string, Contract>;

export type RouteName = keyof typeof contracts;
