// Delivers events as Stripe does: each attempt has its own signature, and attempts repeat with growing pauses until a 2xx. Tests can
// request duplicate, late, reordered or lost deliveries.

import { createHmac } from "node:crypto";
import { publicJson } from "./answers.ts";
import type { EmulatedEvent } from "./objects.ts";

/** How events are delivered from now on. */
export interface DeliveryMode {
  /** How often each event is sent. */
  copies: number;
  /** Holds events until they are released, in random order when `shuffle` is set. */
  hold: boolean;
  shuffle: boolean;
  /** Events are never sent. */
  lose: boolean;
}

export interface Webhooks {
  send(event: EmulatedEvent): void;
  /** Sends the held events; resolves when every delivery has succeeded or been given up. */
  release(): Promise<void>;
  /** Resolves when every delivery that is under way has succeeded or been given up. */
  settle(): Promise<void>;
  setMode(mode: Partial<DeliveryMode>): DeliveryMode;
  stop(): void;
}

const pauses = [200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/** The header `stripe-signature` of a body, signed at `timestamp` (seconds). */
export function signature(body: string, secret: string, timestamp: number): string {
  const digest = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return `t=${timestamp},v1=${digest}`;
}

/** @param onDelivered is called once an event needs no further attempt */
export function createWebhooks(
  url: string,
  secret: string,
  onDelivered: (event: EmulatedEvent) => void,
): Webhooks {
  const mode: DeliveryMode = { copies: 1, hold: false, shuffle: false, lose: false };
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  let held: EmulatedEvent[] = [];

  function start(event: EmulatedEvent): void {
    for (let copy = 0; copy < mode.copies; copy += 1) {
      const delivery = deliver(event).finally(() => underWay.delete(delivery));
      underWay.add(delivery);
    }
  }

  async function deliver(event: EmulatedEvent): Promise<void> {
    const body = publicJson(event, 2);
    for (const pause of pauses) {
      if (stopping.signal.aborted) return;
      const status = await post(body);
      if (stopping.signal.aborted) return;
      if (status >= 200 && status < 300) {
        onDelivered(event);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
    }
  }

  async function post(body: string): Promise<number> {
    const signed = signature(body, secret, Math.floor(Date.now() / 1000));
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json; charset=utf-8", "stripe-signature": signed },
        body,
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(30_000)]),
      });
      await response.body?.cancel();
      return response.status;
    } catch {
      return 0;
    }
  }

  return {
    send(event) {
      if (mode.lose) onDelivered(event);
      else if (mode.hold) held.push(event);
      else start(event);
    },
    async release() {
      const events = held;
      held = [];
      if (mode.shuffle) events.sort(() => Math.random() - 0.5);
      for (const event of events) start(event);
      await Promise.all(underWay);
    },
    async settle() {
      await Promise.all(underWay);
    },
    setMode: (changes) => Object.assign(mode, changes),
    stop: () => stopping.abort(),
  };
}
