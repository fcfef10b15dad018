// Deliveries over real TLS, to a local server in place of a public one.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { type PostOptions, postPublic } from "./post-public.ts";
import { cert, key } from "./tls-fixture.ts";

interface Received {
  method: string | undefined;
  host: string | undefined;
  path: string | undefined;
  body: string;
}

async function listen(status: number, headers: Record<string, string> = {}) {
  const received: Received[] = [];
  const server: Server = createServer({ cert, key }, (request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers: sent } = request;
      received.push({ method, host: sent.host, path: url, body: new TextDecoder().decode(chunks[0]) });
      response.writeHead(status, headers).end("the body is not read");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { received, port, close: () => new Promise((resolve) => server.close(resolve)) };
}

/** Resolves every name to this machine, and allows it. */
const here = (options: PostOptions = {}): PostOptions => ({
  resolve: async () => ["127.0.0.1"],
  isAllowed: () => true,
  ca: cert,
  ...options,
});
const options = { sanitizeResources: false, sanitizeOps: false };

Deno.test("posts over TLS to the checked address, with the name of the URL", options, async () => {
  const { received, port, close } = await listen(200);
  const status = await postPublic(
    `https://hooks.example:${port}/x?y=1`,
    { "x-test": "1" },
    '{"é":1}',
    here(),
  );
  assert.equal(status, 200);
  assert.deepEqual(received, [
    { method: "POST", host: `hooks.example:${port}`, path: "/x?y=1", body: '{"é":1}' },
  ]);
  await close();
});

Deno.test("resolves the name once, so that DNS rebinding has no effect", options, async () => {
  const { received, port, close } = await listen(200);
  let asked = 0;
  const resolve = async () => (++asked === 1 ? ["127.0.0.1"] : ["169.254.169.254"]);
  assert.equal(await postPublic(`https://hooks.example:${port}/`, {}, "{}", here({ resolve })), 200);
  assert.deepEqual([asked, received.length], [1, 1]);
  await close();
});

Deno.test("follows no redirect", options, async () => {
  const inside = await listen(200);
  const { port, close } = await listen(307, { location: `https://hooks.example:${inside.port}/inside` });
  assert.equal(await postPublic(`https://hooks.example:${port}/`, {}, "{}", here()), 307);
  assert.deepEqual(inside.received, []);
  await Promise.all([close(), inside.close()]);
});

Deno.test("sends nothing to a server with a certificate for another name", options, async () => {
  const { received, port, close } = await listen(200);
  await assert.rejects(
    postPublic(`https://other.example:${port}/`, {}, "{}", here()),
    /^Error: no connection/,
  );
  assert.deepEqual(received, []);
  await close();
});

Deno.test("gives up on a server that does not answer in time", options, async () => {
  const server = createServer({ cert, key }, () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await assert.rejects(postPublic(`https://hooks.example:${port}/`, {}, "{}", here({ timeout: 200 })), {
    message: "no answer in time",
  });
  server.closeAllConnections();
  server.close();
});
