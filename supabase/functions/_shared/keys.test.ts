// The keys that the clients of Supabase send.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createCallerClient, createServiceClient } from "./supabase.ts";

const of = (variables: Record<string, string>) => (name: string) => variables[name];

Deno.test("a project whose legacy keys are disabled", async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.apikey as string, request.headers.authorization);
    response.setHeader("content-type", "application/json");
    response.end("[]");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const env = of({
    SUPABASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    SUPABASE_PUBLISHABLE_KEYS: '{"default": "sb_publishable_a"}',
    SUPABASE_SECRET_KEYS: '{"default": "sb_secret_a"}',
    SUPABASE_ANON_KEY: "disabled",
    SUPABASE_SERVICE_ROLE_KEY: "disabled",
  });
  await createServiceClient(env).from("profiles").select();
  await createCallerClient("Bearer token", env).from("profiles").select();
  assert.deepEqual(seen, ["sb_secret_a", "Bearer sb_secret_a", "sb_publishable_a", "Bearer token"]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
