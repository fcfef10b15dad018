// Routing: Supabase's paths, API keys, size limits, and the service behind each path.

import type { IncomingMessage, ServerResponse } from "node:http";
import { text as toText } from "node:stream/consumers";
import type { StackConfig } from "../lib/config.ts";
import { requestUrl } from "../lib/server.ts";
import { corsHeaders, preflight, refuse, refuseKey, refuseLength, refuseRoute } from "./answers.ts";
import type { ApiKeys } from "./api-keys.ts";
import { sendCacheable } from "./caching.ts";
import { createDocs } from "./docs/docs.ts";
import type { Functions } from "./functions.ts";
import type { GraphqlService } from "./graphql.ts";
import type { Health } from "./health.ts";
import type { HttpMetrics } from "./http-metrics.ts";
import { type Forward, readBody, type Send, TooLarge, toHandler, toPort } from "./proxy.ts";
import { createReadLimits, type ReadLimits, readsOfGraphql, readsOfRest } from "./read-limits.ts";
import { answerFromReplica, servedBy } from "./replicas/answer.ts";
import type { Replicas } from "./replicas/replicas.ts";
import type { Rest } from "./rest.ts";
import { lacksFilter, refuseWithoutFilter, withoutTransactionEnd } from "./safeupdate.ts";
import type { AnsweringService } from "./service.ts";
import { bytesOf } from "./storage/limits.ts";

export interface Services {
  auth: AnsweringService;
  rest: Rest;
  storage: AnsweringService;
  functions: Functions;
  graphql: GraphqlService;
  replicas: Replicas;
}

/** What the gateway says about the stack and itself. */
export interface Monitoring {
  health: Health;
  metrics: HttpMetrics;
}

const mebibyte = 1024 * 1024;
const limits = { auth: mebibyte, rest: mebibyte, functions: 10 * mebibyte, graphql: 2 * mebibyte };

/** Auth's paths that browsers open from mails and providers, without an API key. */
const keylessAuthPaths = ["verify", "callback", "authorize", ".well-known", "health"];

/** Those that hosted Supabase passes on. */
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

interface Context {
  services: Services;
  metrics: HttpMetrics;
  apiKeys: ApiKeys;
  readLimits: ReadLimits;
}

export type Router = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export function createRouter(
  config: StackConfig,
  services: Services,
  apiKeys: ApiKeys,
  { health, metrics }: Monitoring,
): Router {
  const readLimits = createReadLimits(config.readsPerMinute);
  const context: Context = { services, metrics, apiKeys, readLimits };
  const docs = createDocs(config, services.rest);
  const storageLimit = bytesOf(config.toml.storage.file_size_limit) + mebibyte; // for the multipart form around the file

  return async (request, response) => {
    const url = readUrl(request);
    if (url === undefined)
      return refuse(response, 400, { code: "BAD_PATH", message: "The path cannot be read." });
    if (!methods.includes(request.method ?? "")) {
      const body = { code: "METHOD_NOT_ALLOWED", message: `The method ${request.method} is not allowed.` };
      return refuse(response, 405, body, { allow: methods.join(", ") });
    }
    const [, service, version, ...rest] = url.pathname.split("/");
    if (request.method === "GET" || request.method === "HEAD") {
      if (service === "health" && (await health.answer(response, url.pathname))) return;
      const document = await docs.find(url.pathname);
      if (document !== undefined) {
        response.writeHead(200, document.headers).end(document.body);
        return;
      }
    }
    if (version !== "v1") return refuseRoute(response);
    // Functions answer their own preflights, as on hosted Supabase.
    if (request.method === "OPTIONS" && service !== "functions") return preflight(request, response);

    const { key, known, secret } = apiKeys.find(request.headers, url);
    const authorization = apiKeys.authorization(request.headers, key);
    url.searchParams.delete("apikey");
    const forward = (path: string, limit: number): Forward => ({
      path:
        path +
        (request.url?.includes("apikey=") ? url.search : (/\?.*$/s.exec(request.url ?? "")?.[0] ?? "")),
      authorization,
      answerHeaders: corsHeaders,
      limit,
    });

    switch (service) {
      case "auth":
        if (!keylessAuthPaths.includes(rest[0] ?? "") && !known) return refuseKey(response, key);
        return toHandler(
          services.auth.fetch,
          config.apiUrl,
          request,
          response,
          forward(url.pathname, limits.auth),
        );
      case "rest": {
        if (!known) return refuseKey(response, key);
        const path = `/${rest.join("/")}`;
        // The function behind /graphql/v1 on hosted Supabase, for `.schema("graphql_public").rpc("graphql", …)` of supabase-js.
        if (path === "/rpc/graphql" && request.headers["content-profile"] === "graphql_public")
          return answerGraphql(context, request, response, authorization);
        if (path === "/" && !secret) {
          return refuse(response, 403, {
            code: "SECRET_KEY_REQUIRED",
            message: "Only the secret key may read the description of the API.",
            hint: "Use sb_secret_...",
          });
        }
        const reads = readsOfRest(path);
        if (reads > 0) {
          const claims = await apiKeys.verify(authorization);
          if (await readLimits.refuses(request, response, reads, claims)) return;
        }
        const { prefer } = request.headers;
        if (typeof prefer === "string") request.headers.prefer = withoutTransactionEnd(prefer);
        const target = forward(path, limits.rest);
        if (await answerFromReplica(services.replicas, path, request, response, target)) return;
        if (services.replicas.on) target.answerHeaders = servedBy(target, "primary");
        try {
          if (lacksFilter(request.method, path, url.searchParams))
            return await refuseWithoutFilter(request, response, { ...target, port: services.rest.port });
          return await toPort(services.rest.port, request, response, { ...target, send: sendCacheable });
        } catch (error) {
          if (error instanceof TooLarge && !response.headersSent) return refuseLength(response, limits.rest);
          throw error;
        }
      }
      case "storage":
        // Public and signed URLs need no key, but a given key must be valid.
        if (key !== undefined && !known) return refuseKey(response, key);
        return toHandler(
          services.storage.fetch,
          config.apiUrl,
          request,
          response,
          forward(url.pathname, storageLimit),
        );
      case "functions":
        return callFunction(context, rest, request, response, authorization, forward);
      case "graphql":
        if (!known) return refuseKey(response, key);
        return answerGraphql(context, request, response, authorization);
      case "realtime":
        return refuse(response, 501, {
          code: "NOT_IMPLEMENTED",
          message: "Realtime is not part of the embedded stack.",
          hint: "Poll the table, or run the official stack with `npx supabase start`.",
        });
      default:
        return refuseRoute(response);
    }
  };
}

/** The address of a request; undefined when it cannot be read, or when its decoded path holds a NUL, which Postgres refuses. */
function readUrl(request: IncomingMessage): URL | undefined {
  try {
    const url = requestUrl(request);
    return decodeURIComponent(url.pathname).includes("\0") ? undefined : url;
  } catch {
    return undefined;
  }
}

async function callFunction(
  { services, metrics, apiKeys }: Context,
  path: string[],
  request: IncomingMessage,
  response: ServerResponse,
  authorization: string | undefined,
  forward: (path: string, limit: number) => Forward,
): Promise<void> {
  const name = path[0] ?? "";
  if (!services.functions.exists(name)) {
    return refuse(response, 404, { code: "NOT_FOUND", message: "Requested function was not found" });
  }
  if (request.method !== "OPTIONS" && services.functions.verifiesJwt(name)) {
    if (authorization === undefined)
      return refuse(response, 401, {
        code: "UNAUTHORIZED_NO_AUTH_HEADER",
        message: "Missing authorization header",
      });
    if (!(await apiKeys.isSigned(authorization)))
      return refuse(response, 401, { code: "UNAUTHORIZED_INVALID_JWT", message: "Invalid JWT" });
  }
  const port = await services.functions.portOf(name);
  return toPort(port, request, response, {
    ...forward(`/${path.join("/")}`, limits.functions),
    answerHeaders: {},
    ...(name === "metrics" ? { send: withOwnMetrics(metrics) } : {}),
  });
}

/** Adds the gateway's metrics to those of the function, in the format of its answer. A refusal is passed on. */
function withOwnMetrics(metrics: HttpMetrics): Send {
  return async (_request, response, status, headers, body) => {
    const isOpenMetrics = String(headers["content-type"]).startsWith("application/openmetrics-text");
    const text = await toText(body);
    const whole = status !== 200 ? text : text.replace(/# EOF\n$/, "") + (await metrics.text(isOpenMetrics));
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(whole) }).end(whole);
  };
}

async function answerGraphql(
  { services, apiKeys, readLimits }: Context,
  request: IncomingMessage,
  response: ServerResponse,
  authorization: string | undefined,
): Promise<void> {
  if (request.method !== "POST") {
    const hint = "Send { query, variables }.";
    const body = { code: "METHOD_NOT_ALLOWED", message: "GraphQL accepts only POST.", hint };
    return refuse(response, 405, body, { allow: "POST" });
  }
  const claims = await apiKeys.verify(authorization);
  if (claims === undefined) {
    return refuse(response, 401, {
      code: "PGRST301",
      message: "The token is invalid or has expired.",
      hint: "Sign in again.",
    });
  }
  const body = (await readBody(request, response, limits.graphql)).toString();
  if (await readLimits.refuses(request, response, readsOfGraphql(body), claims)) return;
  const caller = {
    role: claims.role,
    claims: JSON.stringify(claims),
    headers: JSON.stringify(request.headers),
  };
  const answer = await services.graphql.answer(caller, body);
  response
    .writeHead(answer.status, { ...corsHeaders, "content-type": "application/json; charset=utf-8" })
    .end(answer.body);
}
