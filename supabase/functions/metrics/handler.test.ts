// metrics without a network: formats and the token.

import assert from "node:assert/strict";
import { bearerOnly } from "../_shared/authenticate.ts";
import { createHandler, type Sample } from "./handler.ts";

const samples: Sample[] = [
  {
    name: "staybase_jobs_total",
    kind: "counter",
    help: "Jobs that were added.",
    labels: { queue: "mails" },
    value: 7,
  },
  {
    name: "staybase_jobs_total",
    kind: "counter",
    help: "Jobs that were added.",
    labels: { queue: "webhooks" },
    value: 0,
  },
  { name: "staybase_lag_seconds", kind: "gauge", help: "Lag.", labels: {}, value: 0.25 },
];

function setUp(token: string | undefined = "secret token", fails = false) {
  const logs: string[] = [];
  const handle = createHandler({
    authenticate: bearerOnly(token, "metrics_token_required"),
    async samples() {
      if (fails) throw new Error("the database is gone");
      return samples;
    },
    log: (message, level) => void (level === "info" || logs.push(message)),
  });
  const get = (headers: Record<string, string> = {}, method = "GET") =>
    handle(
      new Request("http://f/metrics", {
        method,
        headers: { authorization: "Bearer secret token", ...headers },
      }),
    );
  return { get, logs };
}

Deno.test("answers the text format of Prometheus by default", async () => {
  const response = await setUp().get();
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(
    await response.text(),
    `# HELP staybase_jobs_total Jobs that were added.
# TYPE staybase_jobs_total counter
staybase_jobs_total{queue="mails"} 7
staybase_jobs_total{queue="webhooks"} 0

# HELP staybase_lag_seconds Lag.
# TYPE staybase_lag_seconds gauge
staybase_lag_seconds 0.25
`,
  );
});

Deno.test("answers OpenMetrics to a caller that accepts it, with the same names of series", async () => {
  const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
  const response = await setUp().get({ accept });
  assert.equal(
    response.headers.get("content-type"),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
  );
  assert.equal(
    await response.text(),
    `# HELP staybase_jobs Jobs that were added.
# TYPE staybase_jobs counter
staybase_jobs_total{queue="mails"} 7
staybase_jobs_total{queue="webhooks"} 0
# HELP staybase_lag_seconds Lag.
# TYPE staybase_lag_seconds gauge
staybase_lag_seconds 0.25
# EOF
`,
  );
});

Deno.test("takes its own token alone, and none while none is set", async () => {
  const { get } = setUp();
  for (const authorization of [
    "",
    "Bearer",
    "Bearer ",
    "Bearer secret",
    "Bearer secret token2",
    "secret token",
  ]) {
    const response = await get({ authorization });
    assert.deepEqual([response.status, (await response.json()).code], [401, "metrics_token_required"]);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
  }
  const unset = createHandler({
    authenticate: bearerOnly(undefined, "metrics_token_required"),
    samples: async () => samples,
    log: () => {},
  });
  for (const authorization of ["Bearer undefined", "Bearer ", ""]) {
    assert.equal((await unset(new Request("http://f/", { headers: { authorization } }))).status, 401);
  }
});

Deno.test("refuses other methods, and hides what went wrong", async () => {
  assert.equal((await setUp().get({}, "POST")).status, 405);
  const { get, logs } = setUp(undefined, true);
  const response = await get();
  assert.deepEqual([response.status, (await response.json()).code], [500, "internal_error"]);
  assert.match(logs.join(), /^unexpected error: the database is gone/);
});
