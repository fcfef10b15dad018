// Delivers webhooks. Jobs: queue `webhooks`, message { delivery_id }. Signed as Stripe signs: https://docs.stripe.com/webhooks/signature

import { createHmac } from "node:crypto";
import { createWorker, HopelessError, type Queue } from "../_shared/worker.ts";
import { messageSchema } from "./schema.ts";

export interface Delivery {
  url: string;
  secret: string;
  payload: unknown;
}

/** What the worker needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  queue: Queue;
  /** Null when there is nothing to deliver any more. */
  deliveryToSend(id: string): Promise<Delivery | null>;
  /** Posts to a public address and no other, follows no redirect, and returns the status. */
  post(url: string, headers: Record<string, string>, body: string): Promise<number>;
  recordAttempt(id: string, status: number | null, error: string | null): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
  log(message: string): void;
}

/** The header by which the receiver knows that a body is ours, and new: HMAC-SHA256 of `t.body`, t in unix seconds. */
export function sign(secret: string, body: string, milliseconds: number): string {
  const t = Math.floor(milliseconds / 1000);
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`;
}

/** Works until the queue is empty. Anything but 2xx is tried again, signed afresh, with the same body and id. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { queue, deliveryToSend, post, recordAttempt, now, log } = dependencies;
  return createWorker({
    queue,
    log,
    concurrency: 5,
    async work(job) {
      const message = messageSchema.safeParse(job.message);
      if (!message.success) throw new HopelessError("the message is not { delivery_id }");
      const id = message.data.delivery_id;
      const delivery = await deliveryToSend(id);
      if (delivery === null) return;
      const body = JSON.stringify(delivery.payload);
      const headers = {
        "content-type": "application/json",
        "user-agent": "Staybase-Webhooks/1",
        "staybase-signature": sign(delivery.secret, body, now()),
      };
      let status: number;
      try {
        status = await post(delivery.url, headers, body);
      } catch (error) {
        const reason = error instanceof Error ? error.message : "failed";
        await recordAttempt(id, null, reason);
        throw new Error(reason);
      }
      const isDelivered = status >= 200 && status < 300;
      await recordAttempt(id, status, isDelivered ? null : `answered ${status}`);
      if (!isDelivered) throw new Error(`answered ${status}`);
    },
  });
}
