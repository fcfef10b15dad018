// Reading an upload: a missing object is not an error, but a failure of Storage must not pass for one.

import assert from "node:assert/strict";
import { createServiceClient } from "../_shared/supabase.ts";
import { createServices } from "./services.ts";

const missing = { statusCode: "404", error: "not_found", message: "Object not found" };
const broken = { statusCode: "500", error: "internal", message: "secret of the server" };

async function readFrom(answer: () => Response) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const env = (name: string) =>
    name === "SUPABASE_URL" ? `http://127.0.0.1:${server.addr.port}` : "service role key";
  try {
    return await createServices(createServiceClient(env)).readUpload("p/a.png");
  } finally {
    await server.shutdown();
  }
}

/** Timers of `AbortSignal.timeout` outlive their test. */
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test("returns the bytes of an upload", options, async () => {
  assert.deepEqual(await readFrom(() => new Response("png")), new TextEncoder().encode("png"));
});

Deno.test("returns undefined for a missing object, with either status of Storage", options, async () => {
  for (const status of [400, 404]) {
    assert.equal(await readFrom(() => Response.json(missing, { status })), undefined);
  }
});

Deno.test("throws `storage_unavailable` when Storage fails", options, async () => {
  await assert.rejects(
    readFrom(() => Response.json(broken, { status: 500 })),
    { status: 502, message: "The file storage is not available." },
  );
});
