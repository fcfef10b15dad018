// Input and output of connect.

import { z } from "zod";
import { type Contract, contractErrors } from "../_shared/contract.ts";

export const bodySchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("status") }),
  z.strictObject({
    action: z.literal("onboard"),
    /** The page to which Stripe sends the host back. */
    return_url: z.url({ protocol: /^https?$/ }),
    /** ISO 3166-1 alpha-2; used only when the account is created. */
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
  summary: "Set up payouts at Stripe, or get their status",
  description:
    "onboard and login answer a url to open at once; status answers the state of the host's payout account.",
  caller: "person",
  input: bodySchema,
  answers: { 200: { description: "A url, or the state of the account.", schema: answerSchema } },
  errors: contractErrors(
    "bad_request",
    "not_signed_in",
    "method_not_allowed",
    "not_onboarded",
    "payments_unavailable",
  ),
} satisfies Contract;
