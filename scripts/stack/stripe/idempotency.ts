// Stripe's rules for idempotency keys (https://docs.stripe.com/api/idempotent_requests). The first answer to a valid request is
// stored, server errors included; the same key with other parameters, or while the first request runs, is an error.

import { StripeFault } from "./errors.ts";
import type { StoredAnswer } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

export interface Answer {
  status: number;
  body: unknown;
}

const longestKey = 255;
const idOf = (key: string) => `idempotency:${key}`;

export function createIdempotency(store: EmulatorStore) {
  /** Keys of requests that are under way, with the request of each. */
  const underWay = new Map<string, string>();

  return {
    /**
     * Begins a request and returns the stored answer of its key; undefined when the request must be carried out.
     * @throws StripeFault for a key that another request has
     */
    begin(key: string, request: string): Answer | undefined {
      if (key.length > longestKey) throw conflict(400, "Idempotency keys have at most 255 characters.");
      const stored = store.find(idOf(key)) as StoredAnswer | undefined;
      const earlier = stored?.request ?? underWay.get(key);
      if (earlier !== undefined && earlier !== request) {
        throw conflict(
          400,
          "Keys for idempotent requests can only be used with the same parameters they were first used with.",
        );
      }
      if (stored !== undefined) return { status: stored.status, body: stored.body };
      if (earlier !== undefined) {
        throw conflict(
          409,
          "There is currently another in-progress request using this Idempotent Key.",
          "idempotency_key_in_use",
        );
      }
      underWay.set(key, request);
      return undefined;
    },
    /** Keeps the answer of a request that was carried out, unless its parameters were refused. */
    keep(key: string, { status, body }: Answer): void {
      const request = underWay.get(key) ?? "";
      const isFinal = status < 400 || status === 402 || status >= 500;
      if (isFinal)
        store.put<StoredAnswer>({ id: idOf(key), object: "emulator.answer", request, status, body });
    },
    end(key: string): void {
      underWay.delete(key);
    },
  };
}

function conflict(status: number, message: string, code?: string): StripeFault {
  return new StripeFault(status, {
    type: status === 400 ? "idempotency_error" : "invalid_request_error",
    message,
    ...(code === undefined ? {} : { code }),
  });
}
