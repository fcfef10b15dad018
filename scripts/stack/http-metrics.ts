// Metrics of the requests that the gateway answers. Labels come from closed sets, so that no client can make a new series: route
// templates, the methods that a route has, and classes of statuses.

import { Counter, Histogram, type OpenMetricsContentType, Registry } from "prom-client";

type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

/** Each route with its methods, the special ones first. Other methods count as `other`. */
const routes = [
  { route: "/rest/v1/rpc/search_properties", methods: ["GET", "POST"] },
  { route: "/rest/v1/rpc/quote_stay", methods: ["GET", "POST"] },
  { route: "/rest/v1/rpc/{function}", methods: ["GET", "POST"] },
  { route: "/rest/v1/bookings", methods: ["GET", "POST", "PATCH", "DELETE"] },
  { route: "/rest/v1/{table}", methods: ["GET", "POST", "PATCH", "DELETE"] },
  { route: "/graphql/v1", methods: ["POST"] },
  { route: "/auth/v1/{path}", methods: ["GET", "POST", "PUT"] },
  { route: "/storage/v1/{path}", methods: ["GET", "POST", "PUT", "DELETE"] },
  { route: "/functions/v1/payments", methods: ["POST"] },
  { route: "/functions/v1/stripe-webhook", methods: ["POST"] },
  { route: "/functions/v1/{function}", methods: ["GET", "POST"] },
  { route: "/{path}", methods: ["GET"] },
].map((entry) => ({ ...entry, pattern: patternOf(entry.route) }));

const elsewhere: { route: string; methods: string[] } = { route: "/{path}", methods: [] };

/** In seconds. */
const buckets = [0.025, 0.1, 0.25, 1, 5];

export interface HttpMetrics {
  /** @param path without the query @param seconds from the request to the end of the answer */
  observe(method: string, path: string, status: number, seconds: number): void;
  /** The metrics as text, in OpenMetrics or in the text format of Prometheus. */
  text(isOpenMetrics: boolean): Promise<string>;
}

export function createHttpMetrics(): HttpMetrics {
  // prom-client renames a counter when it writes OpenMetrics, so each format has metrics of its own
  const prometheus = createMetrics(new Registry());
  const openMetrics = createMetrics(new Registry<OpenMetricsContentType>());
  openMetrics.registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return {
    observe(method, path, status, seconds) {
      const { route, methods } = routes.find(({ pattern }) => pattern.test(path)) ?? elsewhere;
      const labels = {
        route,
        method: methods.includes(method) ? method : "other",
        status: `${Math.floor(status / 100)}xx`,
      };
      for (const { requests, duration } of [prometheus, openMetrics]) {
        requests.inc(labels);
        duration.observe({ route }, seconds);
      }
    },
    text: (isOpenMetrics) => (isOpenMetrics ? openMetrics.registry : prometheus.registry).metrics(),
  };
}

function createMetrics<Format extends AnyRegistry>(registry: Format) {
  const registers = [registry];
  const labelNames = ["route", "method", "status"];
  return {
    registry,
    requests: new Counter({
      name: "staybase_http_requests_total",
      help: "Requests that the gateway answered, by route, method and class of the status.",
      labelNames,
      registers,
    }),
    duration: new Histogram({
      name: "staybase_http_request_duration_seconds",
      help: "Time from a request to the end of its answer, by route.",
      labelNames: ["route"],
      buckets,
      registers,
    }),
  };
}

/** Where a template has a name in braces, a path has at least one character. */
function patternOf(route: string): RegExp {
  return new RegExp(`^${route.replace("/{path}", "(/.*)?").replace(/\{\w+\}/, ".+")}$`);
}

/** How many series there can be, whatever clients send. */
export const mostSeries =
  routes.length * (buckets.length + 3) +
  routes.reduce((sum, { methods }) => sum + (methods.length + 1) * 4, 0);
