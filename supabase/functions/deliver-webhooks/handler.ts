// Delivers webhooks. Jobs: queue `webhooks`, message { delivery_id }. The signature has the form of Stripe's:
// https://docs.stripe.com/webhooks/signature

import { createHmac } from "node:crypto";
import { describeError } from "../_shared/describe-error.ts";
import type { Internal } from "../_shared/internal.ts";
import type { Log } from "../_shared/log.ts";
import { createWorker, PermanentError, type Queue } from "../_shared/worker.ts";
import { messageSchema } from "./schema.ts";

export interface Delivery {
  url: string;
  secret: string;
  payload: unknown;
}

/** What the worker needs; index.ts provides it. */
export interface Dependencies {
  internal: Internal;
  queue: Queue;
  /** Null when there is nothing left to deliver. */
  deliveryToSend(id: string): Promise<Delivery | null>;
  /** Posts to a public address, follows no redirect, and returns the status. */
  post(url: string, headers: Record<string, string>, body: string): Promise<number>;
  recordAttempt(id: string, status: number | null, error: string | null): Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
  log: Log;
}

/**
 * The value of the header `staybase-signature`: HMAC-SHA256 of `t.body`, with t in seconds since 1970. It proves to the receiver
 * that the body is authentic and recent.
 */
export function sign(secret: string, body: string, milliseconds: number): string {
  const t = Math.floor(milliseconds / 1000);
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.${body}`).digest("hex")}`;
}

/** Retries every delivery that does not answer 2xx, with the same body and id and a new signature. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { internal, queue, deliveryToSend, post, recordAttempt, now, log } = dependencies;
  return createWorker({
    internal,
    queue,
    log,
    concurrency: 5,
    async work(job) {
      const message = messageSchema.safeParse(job.message);
      if (!message.success) throw new PermanentError("the message is not { delivery_id }");
      const id = message.data.delivery_id;
      const delivery = await deliveryToSend(id);
      if (delivery === null) return;
      const body = JSON.stringify(delivery.payload);
      const headers = {
        "content-type": "application/json",
        "user-agent": "Staybase-Webhooks/1",
        "staybase-signature": sign(delivery.secret, body, now()),
        ...(job.request_id == null ? {} : { "x-request-id": job.request_id }),
      };
      let status: number;
      try {
        status = await post(delivery.url, headers, body);
      } catch (error) {
        await recordAttempt(id, null, describeError(error));
        throw error;
      }
      const isDelivered = status >= 200 && status < 300;
      await recordAttempt(id, status, isDelivered ? null : `answered ${status}`);
      if (!isDelivered) throw new Error(`answered ${status}`);
    },
  });
}
