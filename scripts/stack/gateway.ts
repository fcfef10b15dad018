// The gateway: the HTTP server that all clients connect to, and its access log.

import type { WriteStream } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import compression from "compression";
import type { StackConfig } from "../lib/config.ts";
import { openLog } from "../lib/output.ts";
import { listening } from "../lib/server.ts";
import { fail } from "./answers.ts";
import { createApiKeys } from "./api-keys.ts";
import type { Health } from "./health.ts";
import { createHttpMetrics } from "./http-metrics.ts";
import { logLine, requestIdOf } from "./request-log.ts";
import { createRouter, type Services } from "./router.ts";
import type { Service } from "./service.ts";

const compress = compression() as (
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void;

/** What is not compressed: tokens, secrets of payments and signed addresses, which a length could betray; files; and streams. */
const sentAsIs = /^\/+(auth|functions|storage)\//;

export function createGateway(config: StackConfig, services: Services, health: Health): Service {
  const metrics = createHttpMetrics();
  const apiKeys = createApiKeys(config.keys);
  const route = createRouter(config, services, apiKeys, { health, metrics });
  let server: Server | undefined;
  let log: WriteStream | undefined;

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const started = performance.now();
    const { method = "GET", url = "/" } = request;
    const [path = "/"] = url.split("?", 1);
    const id = requestIdOf(request.headers["x-request-id"]);
    request.headers["x-request-id"] = id;
    response.setHeader("x-request-id", id);
    const role = apiKeys.roleOf(request.headers, url);
    response.on("close", async () => {
      const milliseconds = performance.now() - started;
      const status = response.statusCode;
      metrics.observe(method, path, status, milliseconds / 1000);
      log?.write(logLine({ id, method, path, status, milliseconds, role: await role }));
    });
    response.on("finish", () => drain(request));
    const answer = () => route(request, response).catch((error) => fail(error, response));
    if (sentAsIs.test(request.url ?? "")) answer();
    else compress(request, response, answer);
  }

  return {
    name: "gateway",
    async start() {
      log = openLog(join(config.dataDir, "logs", "gateway.log"));
      server = createServer({ keepAliveTimeout: 65_000 }, handle);
      server.on("upgrade", ({ headers }, socket) => {
        const id = requestIdOf(headers["x-request-id"]);
        socket.end(`HTTP/1.1 501 Not Implemented\r\nconnection: close\r\nx-request-id: ${id}\r\n\r\n`);
      });
      server.listen(config.ports.api, "127.0.0.1");
    },
    async ready() {
      await listening(server);
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
 * Reads the rest of a body that was answered early, such as a refused upload, so that the client can reuse the connection. Cuts off
 * a client that is still sending after two seconds.
 */
function drain(request: IncomingMessage): void {
  if (request.complete) return;
  request.unpipe();
  request.resume();
  const { socket } = request; // the request loses it once it is answered
  setTimeout(() => request.complete || socket?.destroy(), 2_000).unref();
}
