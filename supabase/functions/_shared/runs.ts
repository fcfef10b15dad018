// The service keys, and the runs of an internal function in the database.

import { environment, serviceKeys } from "./environment.ts";
import type { Internal } from "./internal.ts";
import type { ServiceClient } from "./supabase.ts";

/** @param name the name of the function in private.internal_functions */
export function createInternal(supabase: ServiceClient, name: string): Internal {
  return {
    keys: serviceKeys(environment),
    runs: {
      async begin() {
        const { data } = await supabase
          .rpc("begin_internal_run", { p_function: name })
          .single()
          .throwOnError();
        return data;
      },
      async keep(lease) {
        const { data } = await supabase
          .rpc("keep_internal_run", { p_function: name, p_lease: lease })
          .throwOnError();
        return data;
      },
      async end(lease, repeat) {
        const { data } = await supabase
          .rpc("end_internal_run", { p_function: name, p_lease: lease, p_repeat: repeat })
          .throwOnError();
        return data;
      },
    },
  };
}
