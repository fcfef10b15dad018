// property-photos: a host's app calls it after it uploaded a photo to the bucket.

import { createServiceClient } from "../_shared/supabase.ts";
import { createHandler } from "./handler.ts";
import { createServices } from "./services.ts";

Deno.serve(createHandler({ ...createServices(createServiceClient()), log: console.error }));
