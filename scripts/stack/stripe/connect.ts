// Customers and connected accounts. Opening the emulator's onboarding page completes the account.

import { invalid } from "./errors.ts";
import { metadataOf, type Parameters, text } from "./form.ts";
import type { Account, Customer } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function createCustomer(store: EmulatorStore, parameters: Parameters): Customer {
  return store.put<Customer>({
    id: store.newId("cus"),
    object: "customer",
    created: store.now(),
    email: text(parameters, "email") ?? null,
    livemode: false,
    metadata: metadataOf(parameters),
    name: text(parameters, "name") ?? null,
  });
}

export function createAccount(store: EmulatorStore, parameters: Parameters): Account {
  const country = text(parameters, "country") ?? "US";
  if (!/^[A-Z]{2}$/.test(country)) throw invalid("Country is not a valid ISO code.", "country");
  return store.put<Account>({
    id: store.newId("acct"),
    object: "account",
    charges_enabled: false,
    country,
    created: store.now(),
    default_currency: country === "US" ? "usd" : country === "JP" ? "jpy" : "eur",
    details_submitted: false,
    email: text(parameters, "email") ?? null,
    metadata: metadataOf(parameters),
    payouts_enabled: false,
    requirements: {
      currently_due: ["external_account", "individual.verification.document"],
      disabled_reason: null,
    },
    type: "express",
  });
}

export function createAccountLink(store: EmulatorStore, parameters: Parameters, baseUrl: string) {
  const account = store.get<Account>("account", text(parameters, "account") ?? "");
  const returnUrl = text(parameters, "return_url") ?? "";
  if (!URL.canParse(returnUrl)) throw invalid("Not a valid URL", "return_url", "url_invalid");
  const query = new URLSearchParams({ return_url: returnUrl });
  return {
    object: "account_link" as const,
    created: store.now(),
    expires_at: store.now() + 300,
    url: `${baseUrl}/onboarding/${account.id}?${query}`,
  };
}

export function createLoginLink(store: EmulatorStore, id: string, baseUrl: string) {
  const account = store.get<Account>("account", id);
  if (!account.details_submitted)
    throw invalid("Cannot create a login link for an account that has not completed onboarding.");
  return { object: "login_link" as const, created: store.now(), url: `${baseUrl}/dashboard/${account.id}` };
}

/** Completes the onboarding of an account, so that it can receive transfers. */
export function completeOnboarding(store: EmulatorStore, id: string): Account {
  const account = store.get<Account>("account", id);
  if (!account.details_submitted) {
    Object.assign(account, { details_submitted: true, charges_enabled: true, payouts_enabled: true });
    account.requirements = { currently_due: [], disabled_reason: null };
    store.emit("account.updated", account);
  }
  return account;
}
