// What connect takes and answers.

import { z } from "npm:zod@4.6.7";
import type { Contract } from "../_shared/contract.ts";

export const bodySchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("status") }),
  z.strictObject({
    action: z.literal("onboard"),
    /** Where Stripe sends the host back to. */
    return_url: z.url({ protocol: /^https?$/ }),
    /** ISO 3166-1 alpha-2; only the first time counts. */
    country: z
      .string()
      .regex(/^[A-Z]{2}$/)
      .optional(),
  }),
  z.strictObject({ action: z.literal("login") }),
]);

const answerSchema = z.union([
  z.object({ url: z.string() }),
  z.object({
    status: z.enum(["none", "pending", "ready"]),
    payouts_enabled: z.boolean(),
    requirements: z.array(z.string()),
  }),
]);

export const contract = {
  summary: "Onboard a host at Stripe, and say where that stands",
  description: "onboard and login answer a url, to be opened at once; status answers the account's state.",
  caller: "person",
  input: bodySchema,
  answers: { 200: { description: "A url, or the state of the account.", schema: answerSchema } },
  errors: {
    400: {
      code: "bad_request",
      message: "✖ Invalid input",
      hint: "Send JSON: { action: status | onboard | login }.",
    },
    401: { code: "not_signed_in", message: "You are not signed in." },
    405: { code: "method_not_allowed", message: "Use POST." },
    409: { code: "not_onboarded", message: "There is no payout account yet." },
  },
} satisfies Contract;
