// Refuses PATCH and DELETE without a filter, as hosted Supabase does: there the extension safeupdate refuses a statement without a
// WHERE clause in every session of the API. PostgREST runs the request first, so that what else is wrong with it is answered before.

import type { IncomingMessage, ServerResponse } from "node:http";
import { corsHeaders, refuse } from "./answers.ts";
import { readBody } from "./proxy.ts";

const verbs: Record<string, string> = { PATCH: "UPDATE", DELETE: "DELETE" };

/** Query parameters that are no filters of the table. */
const others = ["select", "columns", "order", "limit", "offset", "on_conflict"];

/** Whether PostgREST would run the request as a statement without a WHERE clause. @param path below /rest/v1 */
export function lacksFilter(method: string | undefined, path: string, query: URLSearchParams): boolean {
  const filters = [...query.keys()].filter((key) => !others.includes(key) && /^(not\.)?[^.]+$/.test(key));
  return verbs[method ?? ""] !== undefined && !path.startsWith("/rpc/") && filters.length === 0;
}

/** The header Prefer without the end of the transaction, which clients cannot choose on hosted Supabase either. */
export const withoutTransactionEnd = (prefer: string): string => prefer.replace(/\s*,?\s*tx=[^,]*/g, "");

/** Runs the request and rolls it back: answers the error of the request itself, else safeupdate's. */
export async function refuseWithoutFilter(
  request: IncomingMessage,
  response: ServerResponse,
  target: { port: number; path: string; authorization: string | undefined; limit: number },
): Promise<void> {
  const { prefer = "", "content-type": type, "content-profile": profile, accept } = request.headers;
  const id = request.headers["x-request-id"] as string | undefined;
  const body = await readBody(request, response, target.limit);
  const answer = await fetch(`http://127.0.0.1:${target.port}${target.path}`, {
    method: request.method ?? "",
    headers: Object.entries({
      authorization: target.authorization,
      prefer: [prefer, "tx=rollback"].filter((part) => part !== "").join(", "),
      "content-type": type,
      "content-profile": profile as string | undefined,
      accept,
      "x-request-id": id,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
  });
  const text = await answer.text();
  if (answer.ok || isOfRows(answer.status, text)) {
    const message = `${verbs[request.method ?? ""]} requires a WHERE clause`;
    return refuse(response, 400, { code: "21000", details: null, hint: null, message });
  }
  const headers = {
    ...corsHeaders,
    "content-type": answer.headers.get("content-type") ?? "application/json",
  };
  response.writeHead(answer.status, headers).end(text);
}

/** Whether an error comes from rows, such as a trigger's: safeupdate refuses the statement before it reads any. */
function isOfRows(status: number, body: string): boolean {
  return [409, 422, 500].includes(status) || (status === 400 && /"code":\s*"(?!PGRST|PT)/.test(body));
}
