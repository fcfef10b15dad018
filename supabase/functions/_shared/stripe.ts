// Stripe's client: the real one, or, with the emulator's key, the emulator of the embedded stack. Nothing else tells them apart.

import Stripe from "npm:stripe@23.1.0";

export const emulatorKey = "sk_test_staybase_emulator";

/** @param env reads an environment variable */
export function createStripe(env: (name: string) => string | undefined): Stripe {
  const key = env("STRIPE_SECRET_KEY");
  if (key === undefined || key === "")
    throw new Error("STRIPE_SECRET_KEY is not set: see supabase/functions/.env.example");
  const emulator =
    key === emulatorKey ? new URL(env("STRIPE_EMULATOR_URL") ?? "http://127.0.0.1:54330") : undefined;
  return new Stripe(key, {
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 2,
    timeout: 10_000,
    ...(emulator === undefined
      ? {}
      : { host: emulator.hostname, port: Number(emulator.port), protocol: "http" as const }),
  });
}

/** Whether Stripe will say the same to the same request for ever. */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError)) return false;
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 && ![401, 403, 409, 429].includes(status);
}

/** Why a card was declined, in Stripe's words for people; undefined for any other error. */
export function declineOf(error: unknown): string | undefined {
  return error instanceof Stripe.errors.StripeCardError ? error.message : undefined;
}

/** The id of what Stripe gives as an id or, expanded, as an object. */
export function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === "string" ? value : (value?.id ?? null);
}

/** What may be logged of an error: Stripe's code and request, never a body. */
export function describeError(error: unknown): string {
  if (error instanceof Stripe.errors.StripeError) {
    return [error.type, error.code, error.message, error.requestId].filter(Boolean).join(" ");
  }
  return error instanceof Error ? error.message : "failed";
}

/** A connected account as the database takes it over. */
export function accountState(account: Stripe.Account) {
  return {
    id: account.id,
    details_submitted: account.details_submitted,
    payouts_enabled: account.payouts_enabled,
    requirements: account.requirements?.currently_due ?? [],
    currency: account.default_currency ?? null,
  };
}
