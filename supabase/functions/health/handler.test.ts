// health without a network: what it answers, and how often it asks.

import assert from "node:assert/strict";
import { createHandler } from "./handler.ts";

function setUp(parts: Record<string, boolean>) {
  let asked = 0;
  let time = 1_000_000;
  const handle = createHandler({
    async parts() {
      asked += 1;
      return parts;
    },
    now: () => time,
    log: () => {},
  });
  return {
    get: (path: string, method = "GET") => handle(new Request(`http://f/health${path}`, { method })),
    pass(milliseconds: number) {
      time += milliseconds;
    },
    asked: () => asked,
  };
}

Deno.test("says that every part is ready", async () => {
  const { get } = setUp({ database: true, auth: true });
  for (const path of ["", "/ready"]) {
    const response = await get(path);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), {
      alive: true,
      ready: true,
      parts: { database: true, auth: true },
    });
  }
});

Deno.test("names the part that is not ready, and stays alive", async () => {
  const { get } = setUp({ database: true, auth: false });
  const response = await get("/ready");
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), {
    alive: true,
    ready: false,
    parts: { database: true, auth: false },
  });
  const live = await get("/live");
  assert.deepEqual([live.status, await live.json()], [200, { alive: true }]);
});

Deno.test("asks the parts once a second, and not for /live", async () => {
  const { get, pass, asked } = setUp({ database: true });
  await get("/live");
  assert.equal(asked(), 0);
  await Promise.all([get("/ready"), get(""), get("/ready")]);
  assert.equal(asked(), 1);
  pass(999);
  await get("/ready");
  assert.equal(asked(), 1);
  pass(1);
  await get("/ready");
  assert.equal(asked(), 2);
  assert.equal((await get("", "POST")).status, 405);
});
