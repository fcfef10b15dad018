// A worker's queue, reached by supabase-js with the service role key.

import { createClient, type SupabaseClient } from "npm:@supabase/supabase-js@2.119.0";
import type { Database } from "../../../types/database.ts";
import { type Queue, within } from "./worker.ts";

/** The client of a function that acts as service_role. */
export function serviceClient(): SupabaseClient<Database> {
  return createClient<Database>(
    Deno.env.get("SUPABASE_URL") ?? "",
    Deno.env.get("SUPABASE_SERVICE_ROLE_KEY") ?? "",
    {
      auth: { persistSession: false },
      // a call that hangs fails, and the job is tried again
      global: { fetch: (input, init) => within(20_000, fetch(input, init)) },
    },
  );
}

/** @param batch how many jobs are taken at once */
export function createQueue(supabase: SupabaseClient<Database>, name: string, batch = 10): Queue {
  return {
    async take() {
      const { data } = await supabase.rpc("take_jobs", { p_queue: name, p_limit: batch }).throwOnError();
      return data;
    },
    async finish(job) {
      const { data } = await supabase
        .rpc("finish_job", { p_queue: name, p_job_id: job.job_id, p_attempt: job.attempt })
        .throwOnError();
      return data;
    },
    async fail(job, error, final) {
      await supabase
        .rpc("fail_job", {
          p_queue: name,
          p_job_id: job.job_id,
          p_attempt: job.attempt,
          p_error: error,
          p_final: final,
        })
        .throwOnError();
    },
  };
}
