// The unsubscribe link of mails: see handler.ts.

import { serviceClient } from "../_shared/queue.ts";
import { createHandler } from "./handler.ts";

const supabase = serviceClient();

Deno.serve(
  createHandler({
    async unsubscribe(token) {
      const { data } = await supabase.rpc("unsubscribe", { p_token: token }).throwOnError();
      return data;
    },
  }),
);
