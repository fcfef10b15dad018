// Trouble on demand, for tests: an answer that never comes although the money moved, refusals that pass, slowness.

import { StripeFault } from "./errors.ts";

export interface Fault {
  /** Method and the beginning of the path, such as "POST /v1/refunds". */
  match: string;
  /** before: the request is refused. after: it was carried out, and the answer is lost. */
  kind: "refuse_before" | "error_after" | "reset_after" | "delay";
  /** For refuse_before. */
  status?: 409 | 429 | 500 | 503;
  milliseconds?: number;
  times: number;
}

export function createFaults() {
  let faults: Fault[] = [];

  function take(kind: Fault["kind"], request: string): Fault | undefined {
    const fault = faults.find(
      (each) => each.kind === kind && request.startsWith(each.match) && each.times > 0,
    );
    if (fault !== undefined) fault.times -= 1;
    return fault;
  }

  return {
    set(list: Fault[]): void {
      faults = list;
    },
    async before(request: string): Promise<void> {
      const delay = take("delay", request);
      if (delay !== undefined)
        await new Promise((resolve) => setTimeout(resolve, delay.milliseconds ?? 1_000));
      const refusal = take("refuse_before", request);
      if (refusal === undefined) return;
      const status = refusal.status ?? 503;
      throw new StripeFault(status, {
        type: status === 429 ? "rate_limit_error" : status === 409 ? "invalid_request_error" : "api_error",
        message: "A fault that a test asked for.",
      });
    },
    /** What becomes of an answer whose request was carried out. */
    after(request: string): "answer" | "error" | "reset" {
      if (take("error_after", request) !== undefined) return "error";
      return take("reset_after", request) === undefined ? "answer" : "reset";
    },
  };
}
