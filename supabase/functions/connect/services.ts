// The calls of connect to Stripe and to the database.

import type Stripe from "stripe";
import { accountState } from "../_shared/stripe.ts";
import { createUserOf, type Json, type ServiceClient } from "../_shared/supabase.ts";
import type { Dependencies } from "./handler.ts";

export function createServices(supabase: ServiceClient, stripe: Stripe): Omit<Dependencies, "log"> {
  return {
    userOf: createUserOf(supabase),
    async accountOf(actor) {
      const { data } = await supabase
        .from("payout_accounts")
        .select("stripe_account_id")
        .eq("profile_id", actor)
        .maybeSingle()
        .throwOnError();
      return data?.stripe_account_id;
    },
    async createAccount(actor, email, country) {
      const account = await stripe.accounts.create(
        {
          type: "express",
          capabilities: { transfers: { requested: true } },
          metadata: { profile_id: actor },
          ...(email === undefined ? {} : { email }),
          ...(country === undefined ? {} : { country }),
        },
        { idempotencyKey: `account:${actor}:${country ?? ""}` },
      );
      const { data } = await supabase
        .rpc("save_payout_account", { p_actor: actor, p_account_id: account.id })
        .throwOnError();
      return data;
    },
    async syncAccount(id) {
      const state = accountState(await stripe.accounts.retrieve(id));
      await supabase.rpc("apply_account", { p_account: state as Json }).throwOnError();
      return state;
    },
    async onboardingLink(id, returnUrl) {
      const link = await stripe.accountLinks.create({
        account: id,
        type: "account_onboarding",
        return_url: returnUrl,
        refresh_url: returnUrl,
      });
      return link.url;
    },
    async loginLink(id) {
      return (await stripe.accounts.createLoginLink(id)).url;
    },
  };
}
