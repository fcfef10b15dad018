import assert from "node:assert/strict";
import { createHandler } from "./handler.ts";

const asked: string[] = [];
const handle = createHandler({
  unsubscribe: async (token) => {
    asked.push(token);
    return token === "good" ? "messages" : null;
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
