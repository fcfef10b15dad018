// Stripe's rules for idempotency keys (https://docs.stripe.com/api/idempotent_requests). The first answer to a valid request is
// stored, server errors included; the same key with other parameters, or while the first request runs, is an error.

import { StripeFault } from "./errors.ts";

export interface Answer {
  status: number;
  body: unknown;
}

interface StoredRequest {
  request: string;
  answer?: Answer;
}

const longestKey = 255;

export function createIdempotency() {
  const stored = new Map<string, StoredRequest>();

  return {
    /** Returns the stored answer of a key, or the result of `work`; `replayed` tells which. */
    async run(
      key: string,
      request: string,
      work: () => Promise<Answer>,
    ): Promise<{ answer: Answer; replayed: boolean }> {
      if (key.length > longestKey) throw conflict(400, "Idempotency keys have at most 255 characters.");
      const earlier = stored.get(key);
      if (earlier !== undefined) {
        if (earlier.request !== request) {
          throw conflict(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with.",
          );
        }
        if (earlier.answer === undefined) {
          throw conflict(
            409,
            "There is currently another in-progress request using this Idempotent Key.",
            "idempotency_key_in_use",
          );
        }
        return { answer: earlier.answer, replayed: true };
      }
      const entry: StoredRequest = { request };
      stored.set(key, entry);
      try {
        const answer = await work();
        entry.answer = answer;
        return { answer, replayed: false };
      } catch (error) {
        const keep = error instanceof StripeFault && (error.status === 402 || error.status >= 500);
        if (keep) entry.answer = { status: error.status, body: { error: error.body } };
        else stored.delete(key);
        throw error;
      }
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
