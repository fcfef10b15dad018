import assert from "node:assert/strict";
import { createHandler } from "./handler.ts";

const hostile = `</title><img src=x onerror="alert(1)">'{{`;
const asked: string[] = [];
const handle = createHandler({
  unsubscribe: async (token) => {
    asked.push(token);
    return { good: "messages", hostile }[token] ?? null;
  },
  log: () => {},
});
const call = (method: string, token: string) =>
  handle(new Request(`http://functions/unsubscribe?token=${token}`, { method }));

Deno.test("opening the link changes nothing", async () => {
  const response = await call("GET", "good");
  assert.equal(response.status, 200);
  assert.match(await response.text(), /<form method="post">/);
  assert.deepEqual(asked, []);
});

Deno.test("a POST turns the topic off", async () => {
  const response = await call("POST", "good");
  assert.equal(response.status, 200);
  assert.match(await response.text(), /no more e-mails about messages/);
});

Deno.test("an invalid link is refused", async () => {
  assert.equal((await call("POST", "bad")).status, 404);
  assert.equal((await call("DELETE", "good")).status, 405);
});

Deno.test("what it shows is escaped", async () => {
  for (const method of ["GET", "POST"]) {
    for (const token of ["hostile", encodeURIComponent(hostile)]) {
      const html = await (await call(method, token)).text();
      assert.doesNotMatch(html, /<img|onerror="/, `${method} ${token}`);
    }
  }
  const shown = await (await call("POST", "hostile")).text();
  assert.match(shown, /about &lt;\/title&gt;&lt;img src=x onerror=&quot;alert\(1\)&quot;&gt;&#39;\{\{\./);
});
