// metrics: Prometheus reads it. Set METRICS_TOKEN to a token of its own.

import { bearerOnly } from "../_shared/authenticate.ts";
import { environment } from "../_shared/environment.ts";
import { createLog } from "../_shared/log.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler, type Sample } from "./handler.ts";

const supabase = createServiceClient();

Deno.serve(
  createHandler({
    authenticate: bearerOnly(environment("METRICS_TOKEN"), "metrics_token_required"),
    async samples() {
      const { data } = await supabase.rpc("metrics").throwOnError();
      return data as Sample[];
    },
    log: createLog("metrics"),
  }),
);
