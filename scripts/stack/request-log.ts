// The id of each request, and the gateway's log: one line of JSON a request, without tokens, query values and ids of rows.

import { randomUUID } from "node:crypto";

/** As in private.request_id() and in supabase/functions/_shared/trace.ts. Keys and addresses have characters that it refuses. */
const syntax = /^[A-Za-z0-9-]{1,60}$/;

export const isRequestId = (text: string): boolean => syntax.test(text);

/** The id that a client sent, if it is one, else a new id. */
export function requestIdOf(sent: string | string[] | undefined): string {
  return typeof sent === "string" && isRequestId(sent) ? sent : randomUUID();
}

export interface LoggedRequest {
  id: string;
  method: string;
  /** Without the query. */
  path: string;
  status: number;
  milliseconds: number;
  /** Undefined without a valid token. */
  role: string | undefined;
}

export function logLine({ id, method, path, status, milliseconds, role }: LoggedRequest): string {
  return `${JSON.stringify({
    time: new Date().toISOString(),
    level: status >= 500 ? "error" : "info",
    request_id: id,
    route: routeOf(path),
    method,
    status,
    ms: Number(milliseconds.toFixed(1)),
    role: role ?? null,
  })}\n`;
}

/** The names at the beginning of a path, up to four; `{path}` stands for the rest, which may name a person or a row. */
export function routeOf(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  const isName = (segment: string, i: number) => (i === 1 ? /^v\d$/ : /^[a-z_-]{1,63}$/).test(segment);
  const end = segments.findIndex((segment, i) => i === 4 || !isName(segment, i));
  const kept = end === -1 ? segments : segments.slice(0, end);
  return `/${[...kept, ...(kept.length < segments.length ? ["{path}"] : [])].join("/")}`;
}
