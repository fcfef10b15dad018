// Answers that the gateway gives itself: preflights, refusals and errors.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { TooLarge, TooSlow } from "./proxy.ts";

export const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Preference-Applied, Range-Unit, Retry-After, Server, Transfer-Encoding, Tus-Resumable, Upload-Expires, Upload-Length, Upload-Offset, X-Request-Id",
};

export function preflight(request: IncomingMessage, response: ServerResponse): void {
  response
    .writeHead(200, {
      ...corsHeaders,
      "access-control-allow-methods": "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT",
      "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "*",
      "access-control-max-age": "3600",
      vary: "Access-Control-Request-Headers",
    })
    .end();
}

export function refuseKey(response: ServerResponse, key: string | undefined): void {
  const body =
    key === undefined
      ? {
          code: "NO_API_KEY",
          message: "No API key found in request",
          hint: "No `apikey` request header or url param was found.",
        }
      : {
          code: "INVALID_API_KEY",
          message: "Invalid API key",
          hint: "Double check your API key: `npm run status` shows the keys of this project.",
        };
  refuse(response, 401, body);
}

/** The gateway's errors have the shape of PostgREST's, and a code of words. */
export interface Refusal {
  code: string;
  message: string;
  /** JSON of the single errors, as the database writes it. */
  details?: string | null;
  hint?: string | null;
}

export function refuse(
  response: ServerResponse,
  status: number,
  body: Refusal,
  headers: OutgoingHttpHeaders = {},
): void {
  response
    .writeHead(status, { ...corsHeaders, "content-type": "application/json; charset=utf-8", ...headers })
    .end(JSON.stringify(body));
}

export function refuseRoute(response: ServerResponse): void {
  refuse(response, 404, { code: "NOT_FOUND", message: "no Route matched with those values" });
}

/** The answer of the database to a request that says how long it is; the gateway gives it to any other. */
export function refuseLength(response: ServerResponse, limit: number): void {
  const message = `A request has up to ${limit} bytes.`;
  const hint = "Send fewer rows at once.";
  refuse(response, 413, {
    code: "PT413",
    message,
    details: JSON.stringify([{ code: "request_too_large", message, hint, limit }]),
    hint,
  });
}

export function fail(error: unknown, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
  } else if (error instanceof TooLarge) {
    refuse(response, 413, { code: "BODY_TOO_LARGE", message: "Request body is too large." });
  } else if (error instanceof TooSlow) {
    const body = { code: "BODY_TOO_SLOW", message: "Request body did not arrive in time." };
    refuse(response, 408, body, { connection: "close" });
  } else {
    console.error(`gateway: ${error instanceof Error ? error.message : String(error)}`);
    refuse(response, 503, {
      code: "SERVICE_UNAVAILABLE",
      message: "The service behind this path does not respond.",
      hint: "See `npm run logs`.",
    });
  }
}
