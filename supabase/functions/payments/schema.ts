// Input and output of payments.

import { z } from "zod";
import { type Contract, contractErrors } from "../_shared/contract.ts";

export const bodySchema = z
  .strictObject({
    booking_id: z.uuid(),
    /** One of the guest's payment_methods, to charge at once. */
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
    "Confirm the client_secret with Stripe.js. With the Stripe emulator, pay_url is a page where you can try the payment; otherwise it is null. Another call for the same booking returns the same PaymentIntent. With payment_method_id, the saved card is charged at once.",
  caller: "person",
  input: bodySchema,
  answers: {
    200: { description: "The PaymentIntent, or the status not_needed.", schema: answerSchema },
  },
  errors: {
    ...contractErrors(
      "bad_request",
      "not_signed_in",
      "card_declined",
      "payment_refused",
      "method_not_allowed",
      "payments_unavailable",
    ),
    404: { code: "PT404", message: "There is no such booking." },
  },
} satisfies Contract;
