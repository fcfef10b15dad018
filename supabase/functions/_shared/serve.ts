// The outer layer of every Edge Function: it checks the method, answers CORS preflights, authenticates the caller and turns
// errors into responses.

import { corsHeaders as supabaseHeaders } from "@supabase/supabase-js/cors";
import { describeError, positionOf } from "./describe-error.ts";
import { ApiError, apiError, type ErrorCode } from "./errors.ts";
import type { Log } from "./log.ts";
import { inTrace, traceOf } from "./trace.ts";

/** Identifies the caller, or throws an `ApiError`. See authenticate.ts. */
export type Authenticate<Caller> = (request: Request) => Promise<Caller>;

export interface ServeOptions<Caller> {
  /** `POST` by default. */
  methods?: string[];
  /** Whether browsers may call the function from any origin. */
  cors?: boolean;
  authenticate: Authenticate<Caller>;
  /** The code of the response to an unexpected error; `internal_error` by default. */
  unexpected?: ErrorCode;
  log: Log;
  handle(request: Request, caller: Caller): Promise<Response>;
}

/** Every header that supabase-js may send is allowed: a browser does not send a request with another one. */
const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": `${supabaseHeaders["Access-Control-Allow-Headers"]}, x-request-id`,
  "access-control-expose-headers": "x-request-id",
};

/**
 * @returns a request handler for `Deno.serve`. It sends an `ApiError` to the caller, logs any other error without secrets but with its
 * file and line, and answers with the code `unexpected` instead. Each answer has the id of its request, and a line in the log.
 */
export function serve<Caller>(options: ServeOptions<Caller>): (request: Request) => Promise<Response> {
  const { methods = ["POST"], cors = false, authenticate, unexpected = "internal_error", log } = options;

  async function respond(request: Request): Promise<Response> {
    if (cors && request.method === "OPTIONS") {
      const allowed = [...methods, "OPTIONS"].join(", ");
      return new Response(null, { status: 204, headers: { "access-control-allow-methods": allowed } });
    }
    try {
      if (!methods.includes(request.method)) {
        const hint = `Use ${methods.join(" or ")}.`;
        throw apiError("method_not_allowed", { hint }, { allow: methods.join(", ") });
      }
      return await options.handle(request, await authenticate(request));
    } catch (error) {
      if (error instanceof ApiError) return errorResponse(error);
      log(`unexpected error: ${describeError(error)} (${positionOf(error)})`);
      return errorResponse(apiError(unexpected));
    }
  }

  return (request) => {
    const trace = traceOf(request.headers);
    return inTrace(trace, async () => {
      const response = await respond(request);
      if (cors) for (const [name, value] of Object.entries(corsHeaders)) response.headers.set(name, value);
      response.headers.set("x-request-id", trace.requestId);
      log(`${request.method} answered ${response.status}`, "info");
      return response;
    });
  };
}

function errorResponse({ status, body, headers }: ApiError): Response {
  return Response.json(body, { status, headers });
}
