// sync-feeds: the database calls it when a calendar feed is due, and at once when a host asks for it.

import { getPublic } from "../_shared/get-public.ts";
import { createLog } from "../_shared/log.ts";
import { createInternal } from "../_shared/runs.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createFeedStore } from "./feeds.ts";
import { createHandler } from "./handler.ts";

const supabase = createServiceClient();

Deno.serve(
  createHandler({
    internal: createInternal(supabase, "sync-feeds"),
    ...createFeedStore(supabase),
    get: getPublic,
    now: Date.now,
    log: createLog("sync-feeds"),
  }),
);
