// Creates the PaymentIntent of a payment. The guest's app and money-worker both use it, with the same idempotency key.

import type Stripe from "stripe";

export interface PaymentIntentRequest {
  paymentId: string;
  bookingId: string;
  metadata: Record<string, string>;
  /** In Stripe's units. */
  amount: number;
  /** ISO 4217, upper case. */
  currency: string;
  isManual: boolean;
  customer: string;
  description: string;
}

/** Creates the PaymentIntent, or returns the existing one. The card is saved for later payments of the same booking. */
export function createPaymentIntent(
  stripe: Stripe,
  request: PaymentIntentRequest,
): Promise<Stripe.PaymentIntent> {
  const { paymentId, bookingId, metadata, amount, currency, isManual, customer, description } = request;
  return stripe.paymentIntents.create(
    {
      amount,
      currency: currency.toLowerCase(),
      capture_method: isManual ? "manual" : "automatic",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      customer,
      description,
      setup_future_usage: "off_session",
      transfer_group: bookingId,
      metadata,
    },
    { idempotencyKey: `payment:${paymentId}` },
  );
}
