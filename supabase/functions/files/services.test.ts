// Reading an upload: a missing object is not an error, but a failure of Storage must not pass for one.

import assert from "node:assert/strict";
import { createServiceClient } from "../_shared/supabase.ts";
import type { StoredFile } from "./schema.ts";
import { createServices } from "./services.ts";

const missing = { statusCode: "404", error: "not_found", message: "Object not found" };
const broken = { statusCode: "500", error: "internal", message: "secret of the server" };

const file: StoredFile = {
  id: "00000000-0000-4000-8000-000000000001",
  status: "pending",
  error: null,
  bucket: "avatars",
  path: "p/a.png",
  content_type: "image/png",
  bytes: 3,
  photo_id: null,
};

const readFrom = (answer: () => Response) => withServices(answer, ({ readUpload }) => readUpload("p/a.png"));

async function withServices<T>(
  answer: () => Response,
  use: (services: ReturnType<typeof createServices>) => Promise<T>,
): Promise<T> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const variables: Record<string, string> = {
    SUPABASE_URL: `http://127.0.0.1:${server.addr.port}`,
    SUPABASE_SERVICE_ROLE_KEY: "service role key",
  };
  const env = (name: string) => variables[name];
  try {
    return await use(createServices(createServiceClient(env)));
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

Deno.test("a copy is written, or is there already after a second attempt", options, async () => {
  const duplicate = { statusCode: "409", error: "Duplicate", message: "The resource already exists" };
  const written = { Key: "avatars/a.png", Id: "1" };
  for (const [answers, expected] of [
    [[Response.json(written)], true],
    [[Response.json(duplicate, { status: 400 })], true],
    [[Response.json(broken, { status: 500 }), Response.json(duplicate, { status: 400 })], true],
    [[Response.json(broken, { status: 500 }), Response.json(broken, { status: 500 })], false],
  ] as const) {
    const waiting = [...answers];
    const result = await withServices(
      () => waiting.shift() ?? new Response(null, { status: 404 }),
      ({ writeCopy }) => writeCopy(file, new Uint8Array(3)),
    );
    assert.equal(result, expected);
    assert.equal(waiting.length, 0);
  }
});

Deno.test("throws `storage_unavailable` when Storage fails", options, async () => {
  await assert.rejects(
    readFrom(() => Response.json(broken, { status: 500 })),
    { status: 502, message: "The file storage is not available." },
  );
});
