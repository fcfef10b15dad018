// Deno's OpenTelemetry of an Edge Function: off by default; with OTEL_DENO=true, spans and logs reach a collector under the caller's trace.
// @module-tag embedded

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadConfig } from "../../../scripts/lib/config.ts";
import { freePort, listens } from "../../../scripts/lib/ports.ts";
import { denoArguments, denoBinary } from "../../../scripts/stack/functions.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
const received: { path: string; body: string }[] = [];
const collector = createServer(async (request, response) => {
  received.push({ path: request.url ?? "", body: await text(request) });
  response.writeHead(200, { "content-type": "application/json" }).end("{}");
});
beforeAll(() => new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve)));
afterAll(() => void collector.close());

/** Calls the function `unsubscribe` in a process of its own, once. */
async function call(telemetry: Record<string, string>): Promise<void> {
  const config = loadConfig();
  const port = await freePort("inner");
  const child = spawn(
    denoBinary(),
    denoArguments(config, join(config.functionsDir, "unsubscribe", "index.ts")),
    {
      cwd: config.root,
      stdio: "ignore",
      env: {
        ...process.env,
        DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
        SUPABASE_URL: stack.apiUrl,
        SUPABASE_SECRET_KEYS: JSON.stringify({ default: stack.secretKey }),
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "100",
        OTEL_BLRP_SCHEDULE_DELAY: "100",
        OTEL_SERVICE_NAME: "unsubscribe",
        ...telemetry,
      },
    },
  );
  try {
    await until(() => listens(port), "the function", 30_000);
    const headers = { "x-request-id": "span-1", traceparent };
    const answer = await fetch(`http://127.0.0.1:${port}/unsubscribe?token=x`, { method: "POST", headers });
    expect(answer.headers.get("x-request-id")).toBe("span-1");
    if (telemetry.OTEL_DENO === undefined) return;
    await until(
      async () => ["traces", "logs"].every((kind) => sent(kind).includes(traceId)),
      "spans and logs",
    );
  } finally {
    child.kill("SIGKILL");
  }
}

const sent = (kind: string) =>
  received
    .filter(({ path }) => path === `/v1/${kind}`)
    .map(({ body }) => body)
    .join();

it("sends nothing unless it is turned on", async () => {
  await call({});
  expect(received).toEqual([]);
});

it("sends spans of the request and of its calls, and the log, in the trace of the caller", async () => {
  await call({ OTEL_DENO: "true" });
  expect(sent("traces")).toContain('"unsubscribe"');
  expect(sent("traces")).toContain("/rest/v1/rpc/unsubscribe");
  expect(sent("logs")).toContain("span-1");
  expect(sent("traces") + sent("logs")).not.toContain(stack.secretKey);
});
