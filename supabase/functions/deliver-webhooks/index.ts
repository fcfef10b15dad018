// Worker of the queue `webhooks`; the database calls it after a commit that queued something, and for what was left.

import { postPublic } from "../_shared/post-public.ts";
import { createQueue, serviceClient } from "../_shared/queue.ts";
import { createHandler, type Delivery } from "./handler.ts";

const supabase = serviceClient();

Deno.serve(
  createHandler({
    queue: createQueue(supabase, "webhooks"),
    async deliveryToSend(id) {
      const { data } = await supabase.rpc("webhook_to_send", { p_delivery_id: id }).throwOnError();
      return data as Delivery | null;
    },
    post: (url, headers, body) => postPublic(url, headers, body),
    async recordAttempt(id, status, error) {
      const attempt = { p_delivery_id: id, p_status: status as number, p_error: error as string };
      await supabase.rpc("record_webhook_attempt", attempt).throwOnError();
    },
    now: Date.now,
    log: console.error,
  }),
);
