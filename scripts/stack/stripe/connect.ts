// Connected accounts. Opening the emulator's onboarding page completes the account.

import { invalid } from "./errors.ts";
import { metadataOf, object, type Parameters, text } from "./form.ts";
import type { Account } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export function createAccount(store: EmulatorStore, parameters: Parameters): Account {
  const country = text(parameters, "country") ?? "US";
  if (!/^[A-Z]{2}$/.test(country)) {
    throw invalid(
      `Country '${country}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US', 'EG', or 'GB'.`,
      "country",
      "country_unsupported",
    );
  }
  if (text(parameters, "type") === undefined) {
    throw invalid("Missing required param: type.", "type", "parameter_missing");
  }
  const currency = country === "US" ? "usd" : country === "JP" ? "jpy" : "eur";
  const id = store.newId("acct");
  const account = store.put<Account>({
    id,
    object: "account",
    business_profile: null,
    business_type: null,
    capabilities: {},
    charges_enabled: false,
    country,
    created: store.now(),
    default_currency: text(parameters, "default_currency") ?? currency,
    details_submitted: false,
    email: null,
    external_accounts: {
      object: "list",
      data: [],
      has_more: false,
      url: `/v1/accounts/${id}/external_accounts`,
    },
    future_requirements: requirements([]),
    metadata: {},
    payouts_enabled: false,
    requirements: requirements(["external_account", "individual.verification.document"]),
    settings: null,
    tos_acceptance: { date: null, ip: null, user_agent: null },
    type: "express",
  });
  return change(account, parameters);
}

function requirements(due: string[]) {
  return {
    alternatives: [],
    current_deadline: null,
    currently_due: due,
    disabled_reason: due.length === 0 ? null : ("requirements.past_due" as const),
    errors: [],
    eventually_due: due,
    past_due: due,
    pending_verification: [],
  };
}

export function updateAccount(store: EmulatorStore, id: string, parameters: Parameters): Account {
  const account = change(store.get<Account>("account", id, "account"), parameters);
  store.emit("account.updated", account);
  return account;
}

function change(account: Account, parameters: Parameters): Account {
  const asked = object(parameters, "capabilities");
  for (const name of Object.keys(asked) as ("card_payments" | "transfers")[]) {
    const isRequested = text(object(asked, name), "requested") === "true";
    account.capabilities = {
      ...account.capabilities,
      [name]: isRequested && account.details_submitted ? "active" : "inactive",
    };
  }
  return Object.assign(account, {
    business_type: text(parameters, "business_type") ?? account.business_type,
    email: text(parameters, "email") ?? account.email,
    metadata: metadataOf(parameters, account.metadata ?? {}),
  });
}

export function createAccountLink(store: EmulatorStore, parameters: Parameters, baseUrl: string) {
  const account = store.get<Account>("account", text(parameters, "account") ?? "", "account");
  const returnUrl = text(parameters, "return_url") ?? "";
  for (const name of ["refresh_url", "return_url"]) {
    if (!URL.canParse(text(parameters, name) ?? "")) throw invalid("Not a valid URL", name, "url_invalid");
  }
  const query = new URLSearchParams({ return_url: returnUrl });
  return {
    object: "account_link" as const,
    created: store.now(),
    expires_at: store.now() + 300,
    url: `${baseUrl}/onboarding/${account.id}?${query}`,
  };
}

export function createLoginLink(store: EmulatorStore, id: string, baseUrl: string) {
  const account = store.get<Account>("account", id, "account");
  if (!account.details_submitted)
    throw invalid("Cannot create a login link for an account that has not completed onboarding.");
  return { object: "login_link" as const, created: store.now(), url: `${baseUrl}/dashboard/${account.id}` };
}

/** Completes the onboarding of an account, so that it can receive transfers. */
export function completeOnboarding(store: EmulatorStore, id: string): Account {
  const account = store.get<Account>("account", id);
  if (!account.details_submitted) {
    Object.assign(account, { details_submitted: true, charges_enabled: true, payouts_enabled: true });
    account.capabilities = Object.fromEntries(
      Object.keys(account.capabilities ?? {}).map((name) => [name, "active"]),
    );
    account.requirements = requirements([]);
    store.emit("account.updated", account);
  }
  return account;
}
