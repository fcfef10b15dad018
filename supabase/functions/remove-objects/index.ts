// Worker of the queue `object_removals`; the database calls it after a commit that queued something, and for what was left.

import { createQueue, serviceClient } from "../_shared/queue.ts";
import { createHandler } from "./handler.ts";

const supabase = serviceClient();

Deno.serve(
  createHandler({
    queue: createQueue(supabase, "object_removals"),
    async removeObject(bucket, path) {
      const { error } = await supabase.storage.from(bucket).remove([path]);
      if (error !== null) throw error;
    },
    log: console.error,
  }),
);
