// The request that the code works for. Its id is in every line of the log, and every call to the project carries it on.

import { AsyncLocalStorage } from "node:async_hooks";
import { environment } from "./environment.ts";

export interface Trace {
  requestId: string;
  /** The caller's span, of https://www.w3.org/TR/trace-context. */
  traceparent: string | null;
}

const current = new AsyncLocalStorage<Trace>();

/** As in private.request_id(): the embedded gateway and clients send the first header, hosted Supabase the others. */
const names = ["x-request-id", "sb-request-id", "cf-ray"];
const syntax = /^[A-Za-z0-9-]{1,60}$/;

/** The trace of a request; with a new id when it has none that is valid. */
export function traceOf(headers: Headers): Trace {
  const sent = names.map((name) => headers.get(name) ?? "").find((id) => syntax.test(id));
  return { requestId: sent ?? crypto.randomUUID(), traceparent: headers.get("traceparent") };
}

export function inTrace<Result>(trace: Trace, work: () => Result): Result {
  return current.run(trace, work);
}

/** Works on a job for the request that queued it; for the present one when the clock queued it. */
export function forRequest<Result>(requestId: string | null | undefined, work: () => Result): Result {
  return requestId == null ? work() : inTrace({ requestId, traceparent: null }, work);
}

export function requestId(): string | undefined {
  return current.getStore()?.requestId;
}

/** A fetch that carries the request on. With OTEL_DENO, Deno sends a traceparent of its own. */
export function traced(inner: typeof fetch): typeof fetch {
  const isInstrumented = environment("OTEL_DENO") !== undefined;
  return (input, init) => {
    const trace = current.getStore();
    if (trace === undefined) return inner(input, init);
    const headers = new Headers(init?.headers);
    headers.set("x-request-id", trace.requestId);
    if (trace.traceparent !== null && !isInstrumented) headers.set("traceparent", trace.traceparent);
    return inner(input, { ...init, headers });
  };
}
