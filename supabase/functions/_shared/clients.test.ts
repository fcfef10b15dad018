// Every client gives up on a service that accepts the connection and never answers.

import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { createMailTransport } from "./mail-transport.ts";
import { createStripe } from "./stripe.ts";
import { createServiceClient, createUserOf } from "./supabase.ts";
import { fetchWithin } from "./timeout.ts";

const timeout = 50;
/** Timers of `AbortSignal.timeout` outlive their test. */
const options = { sanitizeOps: false, sanitizeResources: false };

async function silentServer() {
  const sockets = new Set<{ destroy(): void }>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return { port, url: `http://127.0.0.1:${port}`, close };
}

const from = (variables: Record<string, string>) => (name: string) => variables[name];

Deno.test("Supabase: database, Storage and Auth", options, async () => {
  const { url, close } = await silentServer();
  const env = from({ SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: "key" });
  const supabase = createServiceClient(env, timeout);
  assert.notEqual((await supabase.rpc("take_jobs", { p_queue: "mails" })).error, null);
  assert.notEqual((await supabase.storage.from("property-photos").download("x.png")).error, null);
  await assert.rejects(createUserOf(supabase)("Bearer token"));
  assert.equal(await createUserOf(supabase)(""), undefined);
  await close();
});

Deno.test("Stripe", options, async () => {
  const { url, close } = await silentServer();
  const env = from({ STRIPE_SECRET_KEY: "sk_test_staybase_emulator", STRIPE_EMULATOR_URL: url });
  await assert.rejects(createStripe(env, timeout).balance.retrieve(), { type: "StripeConnectionError" });
  await close();
});

Deno.test("the mail server", options, async () => {
  const { port, close } = await silentServer();
  const transport = createMailTransport(from({ SMTP_PORT: String(port) }), timeout);
  await assert.rejects(transport.sendMail({ from: "a@example.com", to: "b@example.com", text: "x" }), {
    code: "ETIMEDOUT",
  });
  transport.close();
  await close();
});

Deno.test("fetch, also when its caller has a signal", options, async () => {
  const { url, close } = await silentServer();
  await assert.rejects(fetchWithin(timeout)(url), { name: "TimeoutError" });
  const abort = new AbortController();
  const asked = fetchWithin(60_000)(url, { signal: abort.signal });
  abort.abort();
  await assert.rejects(asked, { name: "AbortError" });
  await close();
});

Deno.test("a client without its settings says which one is missing", () => {
  const none = from({});
  const missing = (name: string) => ({
    message: `${name} is not set: see supabase/functions/.env.example`,
  });
  assert.throws(() => createServiceClient(none), missing("SUPABASE_URL"));
  assert.throws(() => createStripe(none), missing("STRIPE_SECRET_KEY"));
});
