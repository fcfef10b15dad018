// files: an app calls it after a person uploaded a file to the bucket `uploads`.

import { createLog } from "../_shared/log.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createServices } from "./services.ts";

Deno.serve(createHandler({ ...createServices(createServiceClient()), log: createLog("files") }));
