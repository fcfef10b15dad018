// The metrics of the database in the text format of Prometheus, or in OpenMetrics for a caller that accepts it. The database collects
// them, so an answer costs the same however large the platform is.

import { Counter, Gauge, type OpenMetricsContentType, Registry } from "prom-client";
import type { Log } from "../_shared/log.ts";
import { type Authenticate, serve } from "../_shared/serve.ts";

/** One value of one metric. */
export interface Sample {
  name: string;
  kind: "counter" | "gauge";
  help: string;
  labels: Record<string, string>;
  value: number;
}

/** What the handler needs; index.ts provides it. */
export interface Dependencies {
  authenticate: Authenticate<undefined>;
  /** The values of a metric follow each other. */
  samples(): Promise<Sample[]>;
  log: Log;
}

export function createHandler({
  authenticate,
  samples,
  log,
}: Dependencies): (request: Request) => Promise<Response> {
  return serve({
    methods: ["GET"],
    authenticate,
    log,
    async handle(request) {
      const registry = registryFor(request.headers.get("accept") ?? "");
      addTo(registry, await samples());
      return new Response(await registry.metrics(), {
        headers: { "content-type": registry.contentType, "cache-control": "no-store", vary: "Accept" },
      });
    },
  });
}

type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

function registryFor(accept: string): AnyRegistry {
  if (!accept.includes("application/openmetrics-text")) return new Registry();
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

function addTo(registry: AnyRegistry, samples: Sample[]): void {
  const registers = [registry];
  const metrics = new Map<string, Counter | Gauge>();
  for (const { name, kind, help, labels, value } of samples) {
    let metric = metrics.get(name);
    if (metric === undefined) {
      const options = { name, help, labelNames: Object.keys(labels), registers };
      metric = kind === "counter" ? new Counter(options) : new Gauge(options);
      metrics.set(name, metric);
    }
    metric.inc(labels, value);
  }
}
