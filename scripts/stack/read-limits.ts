// Limits quotes and searches in the gateway: those of visitors by network address, those of signed-in people by person. The
// address is that of the connection, because anyone can write X-Forwarded-For.

import type { IncomingMessage, ServerResponse } from "node:http";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { refuse } from "./answers.ts";
import type { Claims } from "./api-keys.ts";

/** The functions that compute much for anyone who asks. */
const functions = [
  "bookability",
  "count_properties",
  "property_calendar",
  "quote_stay",
  "report_lost_search",
  "search_facets",
  "search_properties",
];
const fields = new RegExp(
  `\\b(${functions.map((name) => name.replaceAll(/_(.)/g, (_match, letter: string) => letter.toUpperCase())).join("|")})\\b`,
  "g",
);

export interface ReadLimits {
  /** Counts `reads` for the caller. When there are too many, answers 429 and returns true. */
  refuses(
    request: IncomingMessage,
    response: ServerResponse,
    reads: number,
    claims: Claims | undefined,
  ): Promise<boolean>;
}

/** The number of quotes and searches in a request to a path of REST. */
export function readsOfRest(path: string): number {
  return functions.some((name) => path === `/rpc/${name}`) ? 1 : 0;
}

/** The number of quotes and searches in the body of a GraphQL request, which can hold many. */
export function readsOfGraphql(body: string): number {
  try {
    const { query } = JSON.parse(body) as { query?: unknown };
    return typeof query === "string" ? (query.match(fields)?.length ?? 0) : 0;
  } catch {
    return 0; // the engine refuses it
  }
}

export function createReadLimits(readsPerMinute: number): ReadLimits {
  const limiter = new RateLimiterMemory({ points: readsPerMinute, duration: 60 });

  return {
    async refuses(request, response, reads, claims) {
      if (reads === 0 || claims?.role === "service_role") return false;
      const person = claims?.role === "authenticated" ? claims.sub : undefined;
      const key = typeof person === "string" ? `person ${person}` : `address ${request.socket.remoteAddress}`;
      try {
        await limiter.consume(key, reads);
        return false;
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        const seconds = Math.ceil(error.msBeforeNext / 1000);
        const message = "You sent too many quotes and searches.";
        response.setHeader("retry-after", seconds);
        refuse(response, 429, {
          code: "PT429",
          message,
          details: JSON.stringify([{ code: "too_many_reads", message, retry_after: seconds }]),
          hint: `Try again in ${seconds} seconds.`,
        });
        return true;
      }
    },
  };
}
