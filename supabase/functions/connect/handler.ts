// Payout accounts of hosts: onboarding at Stripe, the status, and the link to Stripe's dashboard. It always acts on the caller's own
// account.

import { signedIn, type UserOf } from "../_shared/authenticate.ts";
import { apiError } from "../_shared/errors.ts";
import { readJson } from "../_shared/json-body.ts";
import type { Log } from "../_shared/log.ts";
import { serve } from "../_shared/serve.ts";
import { bodySchema } from "./schema.ts";

export interface AccountState {
  id: string;
  details_submitted: boolean;
  payouts_enabled: boolean;
  requirements: string[];
  /** The currency of the host's payouts, in lower case. */
  currency: string | null;
}

/** What the handler needs; services.ts implements it. */
export interface Dependencies {
  userOf: UserOf;
  /** The id of the host's account at Stripe; undefined when there is none. */
  accountOf(actor: string): Promise<string | undefined>;
  createAccount(actor: string, email: string | undefined, country: string | undefined): Promise<string>;
  /** Reads the account from Stripe and saves it in the database. */
  syncAccount(id: string): Promise<AccountState>;
  onboardingLink(id: string, returnUrl: string): Promise<string>;
  loginLink(id: string): Promise<string>;
  log: Log;
}

/**
 * `POST { action: "onboard", return_url, country? }` answers `{ url }`; `{ action: "status" }` answers
 * `{ status, payouts_enabled, requirements }`, with the status none, pending or ready; `{ action: "login" }` answers `{ url }`.
 *
 * Errors: `not_onboarded` for login before onboarding; `payments_unavailable`.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { userOf, accountOf, createAccount, syncAccount, onboardingLink, loginLink, log } = dependencies;
  return serve({
    cors: true,
    authenticate: signedIn(userOf),
    unexpected: "payments_unavailable",
    log,
    async handle(request, actor) {
      const hint = "Send JSON: { action: status | onboard | login }.";
      const body = await readJson(request, bodySchema, hint);
      const account = await accountOf(actor.id);
      if (body.action === "onboard") {
        const id = account ?? (await createAccount(actor.id, actor.email, body.country));
        return Response.json({ url: await onboardingLink(id, body.return_url) });
      }
      if (account === undefined) {
        if (body.action === "login") throw apiError("not_onboarded");
        return Response.json({ status: "none", payouts_enabled: false, requirements: [] });
      }
      const { details_submitted, payouts_enabled, requirements } = await syncAccount(account);
      if (body.action === "status") {
        const status = payouts_enabled ? "ready" : "pending";
        return Response.json({ status, payouts_enabled, requirements });
      }
      if (!details_submitted) throw apiError("not_onboarded");
      return Response.json({ url: await loginLink(account) });
    },
  });
}
