// Requests over real TLS, to a local server in place of a public one.

import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type GetOptions, getPublic } from "./get-public.ts";
import { isPublicAddress } from "./public-address.ts";
import { cert, key } from "./tls-fixture.ts";

const options = { sanitizeResources: false, sanitizeOps: false };

/** Calls `/` of a local server that is taken for a public one; other addresses are judged as always. */
async function call(listener: RequestListener, more: GetOptions = {}) {
  const paths: (string | undefined)[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    paths.push(request.url);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await getPublic(
    `https://hooks.example:${port}/`,
    { "x-test": "1" },
    {
      resolve: async (name) => (name === "hooks.example" ? ["127.0.0.1"] : ["93.184.215.14", "10.0.0.7"]),
      isAllowed: (address) => address === "127.0.0.1" || isPublicAddress(address),
      isAllowedPort: () => true,
      ca: cert,
      ...more,
    },
  ).catch((error: Error) => error.message);
  server.closeAllConnections();
  server.close();
  return { answer, paths, port };
}

Deno.test("returns status, body and validators", options, async () => {
  const { answer } = await call((request, response) => {
    assert.equal(request.headers["x-test"], "1");
    response
      .writeHead(200, { etag: '"1"', "last-modified": "Sun, 29 Nov 2026 12:00:00 GMT" })
      .end("BEGIN:VCALENDAR");
  });
  assert(typeof answer === "object");
  const { body, ...rest } = answer;
  assert.deepEqual(rest, { status: 200, etag: '"1"', lastModified: "Sun, 29 Nov 2026 12:00:00 GMT" });
  assert.equal(new TextDecoder().decode(body), "BEGIN:VCALENDAR");
});

Deno.test("reads no body of another status", options, async () => {
  for (const status of [304, 403, 500]) {
    const { answer } = await call((_, response) => response.writeHead(status).end());
    assert(typeof answer === "object");
    assert.deepEqual([answer.status, answer.body.length], [status, 0]);
  }
});

Deno.test("follows up to three redirects", options, async () => {
  const after = (count: number): RequestListener => {
    let left = count;
    return (_, response) =>
      left-- > 0 ? response.writeHead(302, { location: `/${left}` }).end() : response.writeHead(200).end("x");
  };
  const three = await call(after(3));
  assert.deepEqual([typeof three.answer, three.paths], ["object", ["/", "/2", "/1", "/0"]]);
  assert.equal((await call(after(4))).answer, "too_many_redirects");
});

Deno.test("follows no redirect to an inside address, another port or plain http", options, async () => {
  for (const location of [
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[::1]/",
    "https://2130706434/",
    "https://inside.example/",
    "http://hooks.example/",
    "https://user:pass@hooks.example/",
  ]) {
    const { answer } = await call((_, response) => response.writeHead(307, { location }).end());
    assert.equal(answer, "not_public", location);
  }
  const only443 = await call((_, response) => response.end(), { isAllowedPort: (port) => port === "" });
  assert.deepEqual([only443.answer, only443.paths], ["not_public", []]);
});

Deno.test("gives up on what is too slow, also in the middle of the body", options, async () => {
  const silent = await call(() => {}, { timeout: 200 });
  assert.equal(silent.answer, "too_slow");
  const stuck = await call((_, response) => response.writeHead(200).write("BEGIN:VCALENDAR"), {
    timeout: 200,
  });
  assert.equal(stuck.answer, "too_slow");
});

Deno.test("stops reading at the limit", options, async () => {
  const { answer } = await call((_, response) => response.writeHead(200).end("x".repeat(1001)), {
    largest: 1000,
  });
  assert.equal(answer, "too_large");
});

Deno.test("a connection that ends early is no answer", options, async () => {
  const { answer } = await call((_, response) => {
    response.writeHead(200, { "content-length": "1000" }).write("BEGIN:VCALENDAR");
    setTimeout(() => response.destroy(), 20);
  });
  assert.equal(answer, "unreachable");
  const closed = await call((request) => request.socket.destroy());
  assert.equal(closed.answer, "unreachable");
});
