// What a replica may answer: the functions whose answers are the same for everyone and may be cached, because they call
// private.allow_caching. Such an answer may be ten seconds old anyway.

import type { IncomingMessage } from "node:http";
import { type Answer, hasBody } from "../proxy.ts";

export const cacheableFunctions = [
  "count_properties",
  "property_calendar",
  "search_facets",
  "search_properties",
];

/** @param path below /rest/v1 */
export function mayBeCacheable(request: IncomingMessage, path: string): boolean {
  return (
    request.method === "GET" &&
    !hasBody(request) &&
    cacheableFunctions.some((name) => path === `/rpc/${name}`)
  );
}

/**
 * Whether the database called an answer public. All others are the primary's to give: a draft is its host's alone, and what a replica
 * does not find or refuses may be new.
 */
export function isPublic({ status, headers }: Answer): boolean {
  return status === 200 && String(headers["cache-control"]).startsWith("public");
}
