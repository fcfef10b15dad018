// The queue of a worker in the database.

import type { ServiceClient } from "./supabase.ts";
import type { Queue } from "./worker.ts";

/** @param batch how many jobs the worker takes at once */
export function createQueue(supabase: ServiceClient, name: string, batch = 10): Queue {
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
    async fail(job, error, isFinal) {
      await supabase
        .rpc("fail_job", {
          p_queue: name,
          p_job_id: job.job_id,
          p_attempt: job.attempt,
          p_error: error,
          p_final: isFinal,
        })
        .throwOnError();
    },
  };
}
