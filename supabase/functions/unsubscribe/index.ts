// unsubscribe: the link at the end of e-mails.

import { createLog } from "../_shared/log.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";

const supabase = createServiceClient();

Deno.serve(
  createHandler({
    async unsubscribe(token) {
      const { data } = await supabase.rpc("unsubscribe", { p_token: token }).throwOnError();
      return data;
    },
    log: createLog("unsubscribe"),
  }),
);
