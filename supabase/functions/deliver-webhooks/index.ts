// deliver-webhooks: the database calls it after it queued a job, and again for jobs that are left.

import { createLog } from "../_shared/log.ts";
import { postPublic } from "../_shared/post-public.ts";
import { createQueue } from "../_shared/queue.ts";
import { createInternal } from "../_shared/runs.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler, type Delivery } from "./handler.ts";

const supabase = createServiceClient();

Deno.serve(
  createHandler({
    internal: createInternal(supabase, "deliver-webhooks"),
    queue: createQueue(supabase, "webhooks"),
    async deliveryToSend(id) {
      const { data } = await supabase.rpc("webhook_to_send", { p_delivery_id: id }).throwOnError();
      return data as Delivery | null;
    },
    post: postPublic,
    async recordAttempt(id, status, error) {
      const attempt = { p_delivery_id: id, p_status: status as number, p_error: error as string };
      await supabase.rpc("record_webhook_attempt", attempt).throwOnError();
    },
    now: Date.now,
    log: createLog("deliver-webhooks"),
  }),
);
