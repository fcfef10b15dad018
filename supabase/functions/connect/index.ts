// Payout accounts of hosts: a host's app calls this.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import type { Database, Json } from "../../../types/database.ts";
import { accountState, createStripe } from "../_shared/stripe.ts";
import { createHandler } from "./handler.ts";

const supabase = createClient<Database>(
  Deno.env.get("SUPABASE_URL") ?? "",
  Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "",
  { auth: { persistSession: false } },
);
const stripe = createStripe((name) => Deno.env.get(name));

Deno.serve(
  createHandler({
    async userOf(authorization) {
      const { data } = await supabase.auth.getUser(authorization.replace(/^Bearer /, ""));
      return data.user === null ? undefined : { id: data.user.id, email: data.user.email };
    },
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
    log: console.error,
  }),
);
