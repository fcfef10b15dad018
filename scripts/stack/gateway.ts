// The one door: Supabase's paths on one port, API keys, CORS, size limits, and the way to each part.

import type { WriteStream } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import { openLog } from "../lib/output.ts";
import { createApiKeys } from "./api-keys.ts";
import { createDocs } from "./docs/docs.ts";
import type { Functions } from "./functions.ts";
import type { GraphqlService } from "./graphql.ts";
import { type Forward, readBody, TooLarge, toHandler, toPort } from "./proxy.ts";
import type { Rest } from "./rest.ts";
import type { Service } from "./service.ts";
import type { SupabaseLiteService } from "./supabase-lite.ts";

export interface Services {
  auth: SupabaseLiteService;
  rest: Rest;
  storage: SupabaseLiteService;
  functions: Functions;
  graphql: GraphqlService;
}

const mebibyte = 1024 * 1024;
const limits = { auth: mebibyte, rest: 10 * mebibyte, functions: 10 * mebibyte, graphql: 2 * mebibyte };

/** Auth's paths that a browser follows from a mail or a provider, which cannot carry a key. */
const keylessAuthPaths = ["verify", "callback", "authorize", ".well-known", "health"];

const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Preference-Applied, Range-Unit, Server, Transfer-Encoding",
};

export function createGateway(config: StackConfig, services: Services): Service {
  const apiKeys = createApiKeys(config.keys);
  const docs = createDocs(config, services.rest);
  const storageLimit = bytes(config.toml.storage.file_size_limit) + mebibyte; // and the multipart form around the file
  let server: Server | undefined;
  let log: WriteStream | undefined;

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const started = performance.now();
    const path = (request.url ?? "/").split("?", 1)[0];
    response.on("close", () => {
      const took = (performance.now() - started).toFixed(1);
      log?.write(`${new Date().toISOString()} ${request.method} ${path} ${response.statusCode} ${took} ms\n`);
    });
    response.on("finish", () => readRest(request));
    route(request, response).catch((error) => fail(error, response));
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://stack");
    const [, service, version, ...rest] = url.pathname.split("/");
    if (request.method === "GET" || request.method === "HEAD") {
      const document = await docs.find(url.pathname);
      if (document !== undefined) {
        response.writeHead(200, document.headers).end(document.body);
        return;
      }
    }
    if (version !== "v1") return refuse(response, 404, { message: "no Route matched with those values" });
    // Functions answer preflights themselves, as on hosted Supabase.
    if (request.method === "OPTIONS" && service !== "functions") return preflight(request, response);

    const { key, known, secret } = apiKeys.find(request.headers, url);
    const authorization = apiKeys.authorization(request.headers, key);
    url.searchParams.delete("apikey");
    const forward = (path: string, limit: number): Forward => ({
      path:
        path +
        (request.url?.includes("apikey=") ? url.search : (request.url ?? "").slice(url.pathname.length)),
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
        // Where /graphql/v1 leads on hosted Supabase; supabase-js can call it there: `.schema("graphql_public").rpc("graphql", …)`.
        if (path === "/rpc/graphql" && request.headers["content-profile"] === "graphql_public")
          return answerGraphql(request, response, authorization);
        if (path === "/" && !secret) {
          return refuse(response, 403, {
            message: "The description of the API is only for the secret key.",
            hint: "Use sb_secret_...",
          });
        }
        return toPort(services.rest.port, request, response, forward(path, limits.rest));
      }
      case "storage":
        // Public and signed URLs need no key; one that is given must be right.
        if (key !== undefined && !known) return refuseKey(response, key);
        return toHandler(
          services.storage.fetch,
          config.apiUrl,
          request,
          response,
          forward(url.pathname, storageLimit),
        );
      case "functions":
        return callFunction(rest, request, response, authorization, forward);
      case "graphql":
        if (!known) return refuseKey(response, key);
        return answerGraphql(request, response, authorization);
      case "realtime":
        return refuse(response, 501, {
          message: "Realtime is not part of the embedded stack.",
          hint: "Poll the table, or run the official stack with `npx supabase start`.",
        });
      default:
        return refuse(response, 404, { message: "no Route matched with those values" });
    }
  }

  async function callFunction(
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
        return refuse(response, 401, { code: 401, message: "Missing authorization header" });
      if ((await apiKeys.verify(authorization)) === undefined)
        return refuse(response, 401, { code: 401, message: "Invalid JWT" });
    }
    const port = await services.functions.portOf(name);
    return toPort(port, request, response, {
      ...forward(`/${path.join("/")}`, limits.functions),
      answerHeaders: {},
    });
  }

  async function answerGraphql(
    request: IncomingMessage,
    response: ServerResponse,
    authorization: string | undefined,
  ): Promise<void> {
    if (request.method !== "POST")
      return refuse(response, 405, { message: "GraphQL takes POST.", hint: "Send { query, variables }." });
    const claims = await apiKeys.verify(authorization);
    if (claims === undefined) {
      return refuse(response, 401, {
        code: "PGRST301",
        message: "The token is not valid or has expired.",
        hint: "Sign in again.",
      });
    }
    const body = (await readBody(request, limits.graphql)).toString();
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

  return {
    name: "gateway",
    async start() {
      log = openLog(join(config.dataDir, "logs", "gateway.log"));
      server = createServer({ keepAliveTimeout: 65_000 }, handle);
      server.on("upgrade", (_request, socket) =>
        socket.end("HTTP/1.1 501 Not Implemented\r\nconnection: close\r\n\r\n"),
      );
      server.listen(config.ports.api, "127.0.0.1");
    },
    async ready() {
      await new Promise<void>((resolve, reject) => {
        if (server?.listening) return resolve();
        server?.once("listening", resolve).once("error", reject);
      });
    },
    async stop() {
      await new Promise<void>((resolve) => {
        if (server === undefined) return resolve();
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server?.closeAllConnections(), 500).unref();
      });
      log?.end();
    },
  };
}

/**
 * An answer may come before the body was read (a refused upload). The client has sent it by then and will use the connection
 * again, so what is left must be read; a client that goes on sending is cut off.
 */
function readRest(request: IncomingMessage): void {
  if (request.complete) return;
  request.unpipe();
  request.resume();
  const { socket } = request; // the request forgets it once it is answered
  setTimeout(() => request.complete || socket?.destroy(), 2_000).unref();
}

function preflight(request: IncomingMessage, response: ServerResponse): void {
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

function refuseKey(response: ServerResponse, key: string | undefined): void {
  const body =
    key === undefined
      ? { message: "No API key found in request", hint: "No `apikey` request header or url param was found." }
      : {
          message: "Invalid API key",
          hint: "Double check your API key: `npm run status` shows the keys of this project.",
        };
  refuse(response, 401, body);
}

function refuse(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response
    .writeHead(status, { ...corsHeaders, "content-type": "application/json; charset=utf-8" })
    .end(JSON.stringify(body));
}

function fail(error: unknown, response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
  } else if (error instanceof TooLarge) {
    refuse(response, 413, { message: "Request body is too large." });
  } else {
    console.error(`gateway: ${error instanceof Error ? error.message : String(error)}`);
    refuse(response, 503, {
      message: "The service behind this path does not answer.",
      hint: "See `npm run logs`.",
    });
  }
}

/** Bytes of a size as config.toml writes it, such as "50MiB". */
function bytes(size: string): number {
  const [, amount = "50", unit = "MiB"] = /^(\d+)\s*([KMG]?i?B)$/.exec(size) ?? [];
  const powers: Record<string, number> = {
    B: 1,
    KB: 1e3,
    MB: 1e6,
    GB: 1e9,
    KiB: 1024,
    MiB: mebibyte,
    GiB: 1024 * mebibyte,
  };
  return Number(amount) * (powers[unit] ?? mebibyte);
}
