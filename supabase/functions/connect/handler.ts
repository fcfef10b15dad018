// How a host gets paid: onboarding at Stripe, where that stands, and the way to Stripe's own dashboard. Always for the caller: a
// body cannot name anybody else.

import { z } from "npm:zod@4.6.7";
import { answer, headers, notSignedIn, refuse, stripeUnavailable } from "../_shared/http.ts";
import { bodySchema } from "./schema.ts";

export interface AccountState {
  id: string;
  details_submitted: boolean;
  payouts_enabled: boolean;
  requirements: string[];
  /** In which the host is paid, as Stripe writes it. */
  currency: string | null;
}

/** What the function needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  userOf(authorization: string): Promise<{ id: string; email: string | undefined } | undefined>;
  /** The host's account at Stripe, if there is one. */
  accountOf(actor: string): Promise<string | undefined>;
  createAccount(actor: string, email: string | undefined, country: string | undefined): Promise<string>;
  /** Reads the account at Stripe and tells the database. */
  syncAccount(id: string): Promise<AccountState>;
  onboardingLink(id: string, returnUrl: string): Promise<string>;
  loginLink(id: string): Promise<string>;
  log(message: string): void;
}

/**
 * `POST { action: "onboard", return_url, country? }` answers `{ url }`, to be opened at once; `{ action: "status" }` answers
 * `{ status, payouts_enabled, requirements }` with status none, pending or ready; `{ action: "login" }` answers `{ url }`, 409
 * before onboarding is done.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
    if (request.method !== "POST")
      return refuse({ status: 405, code: "method_not_allowed", message: "Use POST." });
    const actor = await dependencies.userOf(request.headers.get("authorization") ?? "");
    if (actor === undefined) return refuse(notSignedIn);
    const body = bodySchema.safeParse(await request.json().catch(() => undefined));
    if (!body.success) {
      return refuse({
        status: 400,
        code: "bad_request",
        message: z.prettifyError(body.error),
        hint: "Send JSON: { action: status | onboard | login }.",
      });
    }
    try {
      const account = await dependencies.accountOf(actor.id);
      if (body.data.action === "onboard") {
        const id = account ?? (await dependencies.createAccount(actor.id, actor.email, body.data.country));
        return answer({ url: await dependencies.onboardingLink(id, body.data.return_url) });
      }
      if (account === undefined) {
        if (body.data.action === "status") {
          return answer({ status: "none", payouts_enabled: false, requirements: [] });
        }
        return notOnboarded();
      }
      const state = await dependencies.syncAccount(account);
      if (body.data.action === "status") {
        const { payouts_enabled, requirements } = state;
        return answer({ status: payouts_enabled ? "ready" : "pending", payouts_enabled, requirements });
      }
      return state.details_submitted
        ? answer({ url: await dependencies.loginLink(account) })
        : notOnboarded();
    } catch (error) {
      dependencies.log(`connect: ${error instanceof Error ? error.message : "failed"}`);
      return refuse(stripeUnavailable);
    }
  };
}

function notOnboarded(): Response {
  return refuse({
    status: 409,
    code: "not_onboarded",
    message: "There is no payout account yet.",
    hint: "Send { action: onboard, return_url } first.",
  });
}
