// What payments takes and answers.

import { z } from "npm:zod@4.6.7";
import type { Contract } from "../_shared/contract.ts";

export const bodySchema = z
  .strictObject({
    booking_id: z.uuid(),
    /** One of the guest's payment_methods, to be charged at once. */
    payment_method_id: z.uuid().optional(),
  })
  .meta({ examples: [{ booking_id: "5eed0000-0000-4000-8000-000000000201" }] });

const answerSchema = z.object({
  payment_id: z.uuid().nullable(),
  status: z.string(),
  /** In minor units. */
  amount: z.int(),
  currency: z.string(),
  client_secret: z.string().nullish(),
  publishable_key: z.string().optional(),
  pay_url: z.string().nullish(),
});

export const contract = {
  summary: "Begin the payment of a booking",
  description:
    "Stripe.js confirms the client_secret; pay_url is a page to try it on, null with a real key. The same booking again gives the same PaymentIntent. With payment_method_id a kept card is charged at once.",
  caller: "person",
  input: bodySchema,
  answers: { 200: { description: "The PaymentIntent, or status not_needed.", schema: answerSchema } },
  errors: {
    400: { code: "bad_request", message: "✖ Invalid input", hint: "Send JSON: { booking_id }." },
    401: { code: "not_signed_in", message: "You are not signed in." },
    402: { code: "card_declined", message: "Your card was declined.", hint: "Try another card." },
    405: { code: "method_not_allowed", message: "Use POST." },
  },
} satisfies Contract;
