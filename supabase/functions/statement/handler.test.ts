// statement without a network: pages of two lines.

import assert from "node:assert/strict";
import { createHandler, type Line } from "./handler.ts";

const line = (id: number, description = "Booking"): Line => ({
  id,
  occurred_at: "2026-11-20T10:00:00+00:00",
  booking_id: null,
  kind: "agreement",
  description,
  currency: "EUR",
  amount: 10 * id,
  balance: 100,
});

function setUp(lines: Line[], failsAfter = Number.POSITIVE_INFINITY) {
  const pages: [id: number, authorization: string][] = [];
  const logs: string[] = [];
  const handle = createHandler({
    userOf: async (authorization) => (authorization === "Bearer ana" ? { id: "ana" } : undefined),
    async linesAfter(id, authorization) {
      if (id >= failsAfter) throw new Error("the database is gone");
      pages.push([id, authorization]);
      return lines.filter((each) => Number(each.id) > id).slice(0, 2);
    },
    log: (message, level) => void (level === "info" || logs.push(message)),
  });
  const get = (authorization = "Bearer ana", method = "GET") =>
    handle(new Request("http://f/", { method, headers: { authorization } }));
  return { get, pages, logs };
}

Deno.test("sends all pages as one file, with the caller's token", async () => {
  const { get, pages } = setUp([line(3), line(5, 'A "flat", \nand a\\b'), line(9), line(12)]);
  const response = await get();
  assert.equal(response.headers.get("content-type"), "text/csv; charset=utf-8");
  assert.equal(
    await response.text(),
    `id,occurred_at,booking_id,kind,description,currency,amount,balance
3,2026-11-20T10:00:00+00:00,,agreement,Booking,EUR,30,100
5,2026-11-20T10:00:00+00:00,,agreement,"A ""flat"", \nand a\\b",EUR,50,100
9,2026-11-20T10:00:00+00:00,,agreement,Booking,EUR,90,100
12,2026-11-20T10:00:00+00:00,,agreement,Booking,EUR,120,100
`,
  );
  assert.deepEqual(pages, [
    [0, "Bearer ana"],
    [5, "Bearer ana"],
    [12, "Bearer ana"],
  ]);
});

Deno.test("sends the header alone when there is no line", async () => {
  const text = await (await setUp([]).get()).text();
  assert.equal(text, "id,occurred_at,booking_id,kind,description,currency,amount,balance\n");
});

Deno.test("reads no further than the caller does", async () => {
  const { get, pages } = setUp(Array.from({ length: 100 }, (_, index) => line(index + 1)));
  const reader = (await get()).body?.getReader();
  await reader?.read();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(pages.length, 2);
  await reader?.cancel();
  assert.equal(pages.length, 2);
});

Deno.test("breaks off when a later page fails, and answers an error when the first one does", async () => {
  const lines = [line(1), line(2), line(3)];
  const later = setUp(lines, 2);
  await assert.rejects((await later.get()).text());
  assert.match(later.logs.join(), /^unexpected error: the database is gone \(statement\/handler\.test\.ts:/);
  const first = await setUp(lines, 0).get();
  assert.deepEqual([first.status, (await first.json()).code], [500, "internal_error"]);
});

Deno.test("refuses callers without a valid token, and other methods", async () => {
  const { get, pages } = setUp([line(1)]);
  assert.equal((await get("Bearer mallory")).status, 401);
  assert.equal((await get("Bearer ana", "POST")).status, 405);
  assert.deepEqual(pages, []);
});
