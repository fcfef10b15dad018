// The log of an Edge Function: one line of JSON for each message, with the id of the request.

import { redact } from "./describe-error.ts";
import { requestId } from "./trace.ts";

export type Level = "info" | "error";
export type Log = (message: string, level?: Level) => void;

/** @param name the function's name @param write by default, to the standard error */
export function createLog(name: string, write: (line: string) => void = console.error): Log {
  return (message, level = "error") =>
    write(
      JSON.stringify({
        time: new Date().toISOString(),
        level,
        request_id: requestId() ?? null,
        function: name,
        message: redact(message),
      }),
    );
}
