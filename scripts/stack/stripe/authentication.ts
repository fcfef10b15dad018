// 3-D Secure: which card asks for it, and the page of the emulator where its owner passes or fails.

import type { TestCard } from "./cards.ts";
import type { PaymentIntent, PaymentMethod, SetupIntent } from "./objects.ts";

/** Whether the bank asks the owner of a card to prove an identity. */
export function asksForOwner(card: TestCard, method: PaymentMethod): boolean {
  if (card.authentication === "always") return true;
  return card.authentication === "until saved" && !method.emulator.authenticated;
}

/** What an intent that waits for the owner of its card asks the client to do. */
export function redirection(
  { id, client_secret }: PaymentIntent | SetupIntent,
  baseUrl: string,
  returnUrl: string | undefined,
) {
  return {
    type: "redirect_to_url",
    redirect_to_url: {
      return_url: returnUrl ?? null,
      url: `${baseUrl}/three-d-secure/${id}?secret=${client_secret}`,
    },
  };
}

/** The error of an intent whose owner failed. */
export const failedAuthentication = {
  code: "payment_intent_authentication_failure",
  type: "invalid_request_error" as const,
  message:
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
};
