// Removes objects from Storage whose owner or row is gone. Jobs: queue `object_removals`, message { bucket, path }.

import { createWorker, HopelessError, type Queue } from "../_shared/worker.ts";
import { messageSchema } from "./schema.ts";

/** What the worker needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  queue: Queue;
  /** Removes one object; succeeds too when it is already gone. */
  removeObject(bucket: string, path: string): Promise<void>;
  log(message: string): void;
}

/** Works until the queue is empty. Removing twice does no harm; a message that cannot be read is given up at once. */
export function createHandler({
  queue,
  removeObject,
  log,
}: Dependencies): (request: Request) => Promise<Response> {
  return createWorker({
    queue,
    log,
    async work(job) {
      const message = messageSchema.safeParse(job.message);
      if (!message.success) throw new HopelessError("the message is not { bucket, path }");
      await removeObject(message.data.bucket, message.data.path);
    },
  });
}
