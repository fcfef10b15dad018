// remove-objects: the database calls it after it queued a job, and again for jobs that are left.

import { createLog } from "../_shared/log.ts";
import { createQueue } from "../_shared/queue.ts";
import { createInternal } from "../_shared/runs.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";

const supabase = createServiceClient();

Deno.serve(
  createHandler({
    internal: createInternal(supabase, "remove-objects"),
    queue: createQueue(supabase, "object_removals"),
    async keepsObject(bucket, path) {
      const { data } = await supabase.rpc("keeps_object", { p_bucket: bucket, p_path: path }).throwOnError();
      return data;
    },
    async removeObject(bucket, path) {
      const { error } = await supabase.storage.from(bucket).remove([path]);
      if (error !== null) throw error;
    },
    log: createLog("remove-objects"),
  }),
);
