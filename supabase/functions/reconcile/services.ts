// The calls of reconcile to Stripe, to the database and to money-worker.

import type Stripe from "stripe";
import { idOf } from "../_shared/stripe.ts";
import type { Json, ServiceClient } from "../_shared/supabase.ts";
import { fetchWithin, timeouts } from "../_shared/timeout.ts";
import type { Dependencies, Line } from "./handler.ts";

/** @param apiUrl the address of the Supabase project */
export function createServices(
  supabase: ServiceClient,
  stripe: Stripe,
  apiUrl: string,
): Omit<Dependencies, "now" | "log"> {
  return {
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
      const post = fetchWithin(timeouts.moneyWorker);
      const response = await post(`${apiUrl}/functions/v1/money-worker`, { method: "POST" });
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
      return data as object;
    },
  };
}
