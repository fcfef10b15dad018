// Answers that the gateway gives itself: preflights, refusals and errors.

import type { IncomingMessage, ServerResponse } from "node:http";
import { TooLarge } from "./proxy.ts";

export const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Preference-Applied, Range-Unit, Retry-After, Server, Transfer-Encoding",
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
      ? { message: "No API key found in request", hint: "No `apikey` request header or url param was found." }
      : {
          message: "Invalid API key",
          hint: "Double check your API key: `npm run status` shows the keys of this project.",
        };
  refuse(response, 401, body);
}

export function refuse(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response
    .writeHead(status, { ...corsHeaders, "content-type": "application/json; charset=utf-8" })
    .end(JSON.stringify(body));
}

export function fail(error: unknown, response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
  } else if (error instanceof TooLarge) {
    refuse(response, 413, { message: "Request body is too large." });
  } else {
    console.error(`gateway: ${error instanceof Error ? error.message : String(error)}`);
    refuse(response, 503, {
      message: "The service behind this path does not respond.",
      hint: "See `npm run logs`.",
    });
  }
}
