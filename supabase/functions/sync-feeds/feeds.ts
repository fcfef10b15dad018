// The feeds of a project, in its database.

import type { Json } from "../_shared/database.ts";
import type { ServiceClient } from "../_shared/supabase.ts";
import type { Dependencies, DueFeed } from "./handler.ts";

export function createFeedStore(supabase: ServiceClient): Pick<Dependencies, "take" | "record"> {
  return {
    async take() {
      const { data } = await supabase.rpc("take_due_feeds", { p_limit: 10 }).throwOnError();
      return data as DueFeed[];
    },
    async record({ feed_id, lease }, answer) {
      const { data } = await supabase
        .rpc("record_feed_sync", {
          p_feed_id: feed_id,
          p_lease: lease,
          p_answer: answer as unknown as Json,
        })
        .throwOnError();
      return data;
    },
  };
}
