// Removes objects from Storage after their owner or row was deleted. Jobs: queue `object_removals`, message { bucket, path }.

import type { Internal } from "../_shared/internal.ts";
import type { Log } from "../_shared/log.ts";
import { createWorker, PermanentError, type Queue } from "../_shared/worker.ts";
import { messageSchema } from "./schema.ts";

/** What the worker needs; index.ts provides it. */
export interface Dependencies {
  internal: Internal;
  queue: Queue;
  /** Whether a file has the object: another one with the same content, or one that came after the job was queued. */
  keepsObject(bucket: string, path: string): Promise<boolean>;
  /** Removes one object. Succeeds when the object does not exist. */
  removeObject(bucket: string, path: string): Promise<void>;
  log: Log;
}

export function createHandler({
  internal,
  queue,
  keepsObject,
  removeObject,
  log,
}: Dependencies): (request: Request) => Promise<Response> {
  return createWorker({
    internal,
    queue,
    log,
    async work(job) {
      const message = messageSchema.safeParse(job.message);
      if (!message.success) throw new PermanentError("the message is not { bucket, path }");
      const { bucket, path } = message.data;
      if (!(await keepsObject(bucket, path))) await removeObject(bucket, path);
    },
  });
}
