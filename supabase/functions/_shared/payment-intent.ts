// The PaymentIntent of a payment. Whoever makes it, the guest's app or the worker that charges a balance, makes the same one: its
// idempotency key is the payment's.

import type Stripe from "npm:stripe@23.1.0";

export interface IntentWish {
  paymentId: string;
  bookingId: string;
  /** In minor units. */
  amount: number;
  /** ISO 4217, upper case. */
  currency: string;
  isManual: boolean;
  customer: string;
  description: string;
}

/** Makes the PaymentIntent of a payment, or finds the one that was made. Its card is kept for the parts that are paid later. */
export function createIntent(stripe: Stripe, wish: IntentWish): Promise<Stripe.PaymentIntent> {
  return stripe.paymentIntents.create(
    {
      amount: wish.amount,
      currency: wish.currency.toLowerCase(),
      capture_method: wish.isManual ? "manual" : "automatic",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      customer: wish.customer,
      description: wish.description,
      setup_future_usage: "off_session",
      transfer_group: wish.bookingId,
      metadata: { payment_id: wish.paymentId, booking_id: wish.bookingId },
    },
    { idempotencyKey: `payment:${wish.paymentId}` },
  );
}
