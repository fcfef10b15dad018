// The client for Stripe, and helpers for its objects. With the emulator's key, the client talks to the emulator.

import Stripe from "stripe";
import { type Environment, environment, required } from "./environment.ts";
import { timeouts } from "./timeout.ts";

const emulatorKey = "sk_test_staybase_emulator";

/** The address of the Stripe emulator; undefined when the functions use Stripe itself. */
export function emulatorUrl(env: Environment = environment): string | undefined {
  if (env("STRIPE_SECRET_KEY") !== emulatorKey) return undefined;
  return env("STRIPE_EMULATOR_URL") ?? "http://127.0.0.1:54330";
}

export function createStripe(env: Environment = environment, timeout = timeouts.stripe): Stripe {
  const key = required(env, "STRIPE_SECRET_KEY");
  const emulator = emulatorUrl(env);
  return new Stripe(key, {
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 2,
    timeout,
    ...(emulator === undefined ? {} : hostOf(new URL(emulator))),
  });
}

function hostOf({ hostname, port }: URL) {
  return { host: hostname, port: Number(port), protocol: "http" as const };
}

/** Whether Stripe will give the same answer to the same request every time. */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof Stripe.errors.StripeError)) return false;
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 && ![401, 403, 409, 429].includes(status);
}

/** Stripe's message for the customer when a card was declined; undefined for any other error. */
export function declineOf(error: unknown): string | undefined {
  return error instanceof Stripe.errors.StripeCardError ? error.message : undefined;
}

/** Stripe's message when it refuses a request as invalid; undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  return error instanceof Stripe.errors.StripeInvalidRequestError && isFinal(error)
    ? error.message
    : undefined;
}

/** The id of an object that Stripe returns as an id or, when expanded, as an object. */
export function idOf(value: string | { id: string } | null | undefined): string | null {
  return typeof value === "string" ? value : (value?.id ?? null);
}

/** A connected account in the form that `apply_account` takes. */
export function accountState(account: Stripe.Account) {
  return {
    id: account.id,
    details_submitted: account.details_submitted,
    payouts_enabled: account.payouts_enabled,
    requirements: account.requirements?.currently_due ?? [],
    currency: account.default_currency ?? null,
  };
}
