// Faults that tests ask for: lost answers after the money moved, refused requests, delays.

import { StripeFault } from "./errors.ts";

export interface Fault {
  /** Method and beginning of the path, such as "POST /v1/refunds". */
  match: string;
  /** `_before`: the request is refused. `_after`: it is carried out and its answer is lost. */
  kind: "refuse_before" | "error_after" | "reset_after" | "delay";
  /** Status of `refuse_before`. */
  status?: 409 | 429 | 500 | 503;
  /** Length of `delay`; 1000 by default. */
  milliseconds?: number;
  /** How many requests it affects. */
  times: number;
}

export interface Faults {
  set(list: Fault[]): void;
  /** Waits or refuses before a request is carried out. @throws StripeFault */
  before(request: string): Promise<void>;
  /** What happens to the answer of a request that was carried out. */
  after(request: string): "answer" | "error" | "reset";
}

export function createFaults(): Faults {
  let faults: Fault[] = [];

  function take(kind: Fault["kind"], request: string): Fault | undefined {
    const fault = faults.find(
      (each) => each.kind === kind && request.startsWith(each.match) && each.times > 0,
    );
    if (fault !== undefined) fault.times -= 1;
    return fault;
  }

  return {
    set(list) {
      faults = list;
    },
    async before(request) {
      const delay = take("delay", request);
      if (delay !== undefined)
        await new Promise((resolve) => setTimeout(resolve, delay.milliseconds ?? 1_000));
      const refusal = take("refuse_before", request);
      if (refusal === undefined) return;
      const status = refusal.status ?? 503;
      throw new StripeFault(status, {
        type: status === 429 ? "rate_limit_error" : status === 409 ? "invalid_request_error" : "api_error",
        message: "A test asked for this error.",
      });
    },
    after(request) {
      if (take("error_after", request) !== undefined) return "error";
      return take("reset_after", request) === undefined ? "answer" : "reset";
    },
  };
}
