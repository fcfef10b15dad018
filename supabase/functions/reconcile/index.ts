// Called every night by the database, and by whoever wants to know now; it changes nothing but what events had missed.

import { createClient } from "npm:@supabase/supabase-js@2.119.0";
import type { Database, Json } from "../../../types/database.ts";
import { createStripe, idOf } from "../_shared/stripe.ts";
import { createHandler, type Line } from "./handler.ts";

const url = Deno.env.get("SUPABASE_URL") ?? "";
const supabase = createClient<Database>(url, Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "", {
  auth: { persistSession: false },
});
const stripe = createStripe((name) => Deno.env.get(name));

Deno.serve(
  createHandler({
    async recoverEvents(since) {
      let recovered = 0;
      for await (const event of stripe.events.list({ created: { gte: since }, limit: 100 })) {
        const { data } = await supabase
          .rpc("store_stripe_event", { p_event: event as unknown as Json })
          .throwOnError();
        if (data) recovered += 1;
      }
      return recovered;
    },
    async work() {
      const response = await fetch(`${url}/functions/v1/money-worker`, { method: "POST" });
      await response.body?.cancel();
    },
    async lines(since) {
      const lines: Line[] = [];
      for await (const { id, net, currency, source, type } of stripe.balanceTransactions.list({
        created: { gte: since },
        limit: 100,
      })) {
        lines.push({ id, net, currency, type, source: idOf(source) });
      }
      return lines;
    },
    async compare(lines, since) {
      const { data } = await supabase
        .rpc("reconcile_ledger", {
          p_lines: lines as unknown as Json,
          p_since: new Date(since * 1000).toISOString(),
        })
        .throwOnError();
      return data;
    },
    now: Date.now,
    log: console.error,
  }),
);
