// statement: a host's app downloads the whole statement as CSV.

import { createLog } from "../_shared/log.ts";
import { createCallerClient, createServiceClient, createUserOf } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { columns } from "./schema.ts";

/** No more than max_rows in config.toml; a smaller limit of the project gives shorter pages. */
const pageSize = 1_000;

Deno.serve(
  createHandler({
    userOf: createUserOf(createServiceClient()),
    async linesAfter(id, authorization) {
      const { data } = await createCallerClient(authorization)
        .from("host_statement")
        .select(columns.join(",") as "*")
        .gt("id", id)
        .order("id")
        .limit(pageSize)
        .throwOnError();
      return data;
    },
    log: createLog("statement"),
  }),
);
