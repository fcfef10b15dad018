// calendar: the address from which channels import a property's calendar.

import { createLog } from "../_shared/log.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import type { ExportedCalendar } from "./calendar.ts";
import { createHandler } from "./handler.ts";

const supabase = createServiceClient();

Deno.serve(
  createHandler({
    async calendarOf(token) {
      const { data } = await supabase.rpc("calendar_to_export", { p_token: token }).throwOnError();
      return data as ExportedCalendar | null;
    },
    log: createLog("calendar"),
  }),
);
