// The calls of reconcile to Stripe, to the database and to money-worker.

import type Stripe from "stripe";
import { idOf } from "../_shared/stripe.ts";
import type { Json, ServiceClient } from "../_shared/supabase.ts";
import { fetchWithin, timeouts } from "../_shared/timeout.ts";
import { traced } from "../_shared/trace.ts";
import type { Dependencies, Line } from "./handler.ts";

export function createServices(
  supabase: ServiceClient,
  stripe: Stripe,
  project: { url: string; serviceKey: string },
): Omit<Dependencies, "internal" | "now" | "log"> {
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
      const url = `${project.url}/functions/v1/money-worker`;
      const post = traced(fetchWithin(timeouts.moneyWorker));
      const until = Date.now() + timeouts.moneyWorker;
      // 202: another run is going on
      for (let status = 202; status === 202 && Date.now() < until; ) {
        const response = await post(url, { method: "POST", headers: { apikey: project.serviceKey } });
        await response.body?.cancel();
        status = response.status;
        if (status === 202) await new Promise((resolve) => setTimeout(resolve, 200));
      }
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
