// The tasks of money-worker in the database.

import type { ServiceClient } from "../_shared/supabase.ts";
import type { TaskQueue } from "./handler.ts";
import { taskSchema } from "./tasks.ts";

export function createTaskQueue(supabase: ServiceClient): TaskQueue {
  return {
    async takeTasks() {
      const { data } = await supabase.rpc("take_stripe_tasks", {}).throwOnError();
      return taskSchema.array().parse(data);
    },
    async finishTask(task, outcome) {
      const { data } = await supabase
        .rpc("finish_stripe_task", { p_task_id: task.task_id, p_lease: task.lease, p_outcome: outcome })
        .throwOnError();
      return data;
    },
    async failTask(task, error, isFinal) {
      await supabase
        .rpc("fail_stripe_task", {
          p_task_id: task.task_id,
          p_lease: task.lease,
          p_error: error,
          p_is_final: isFinal,
        })
        .throwOnError();
    },
  };
}
