// files without a stack: what it does with an upload that is accepted, refused, or cannot be read or written.

import assert from "node:assert/strict";
import { ApiError, apiError } from "../_shared/errors.ts";
import { createHandler, type Dependencies } from "./handler.ts";
import type { StoredFile } from "./schema.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/** A PNG of 70 bytes with a comment before its last chunk. */
const commented = bytes(`${atob(pixel).slice(0, -12)}\0\0\0\x06tEXtat 77\0CRC!${atob(pixel).slice(-12)}`);

const path = "5eed0000-0000-4000-8000-000000000001/a b.png";
const body = { kind: "avatar", path };
const pending: StoredFile = {
  id: "00000000-0000-4000-8000-000000000001",
  status: "pending",
  error: null,
  bucket: "avatars",
  path: "5eed0000-0000-4000-8000-000000000001/1.png",
  content_type: "image/png",
  bytes: commented.length,
  photo_id: null,
};

function world(overrides: Partial<Dependencies> = {}) {
  const calls: string[] = [];
  const handler = createHandler({
    userOf: async (authorization) => (authorization === "Bearer ana" ? { id: "ana" } : undefined),
    beginFile: async (actor, { kind }) => {
      calls.push(`begin ${kind} by ${actor}`);
      return pending;
    },
    readUpload: async () => commented,
    nameFile: async (file, content) => {
      calls.push(`name ${content}`);
      return { ...file, path: `p/${content}.png` };
    },
    writeCopy: async ({ bucket }, clean) => {
      calls.push(`write ${clean.length} bytes to ${bucket}`);
      return true;
    },
    finishFile: async (file, size, altText) => {
      calls.push(`finish ${size} ${altText ?? ""}`.trim());
      return { ...file, status: "ready", bytes: size };
    },
    failFile: async (_file, error) => void calls.push(`fail ${error}`),
    log: () => {},
    ...overrides,
  });
  const post = (content: unknown, authorization = "Bearer ana") =>
    handler(
      new Request("http://x/", {
        method: "POST",
        headers: { authorization },
        body: JSON.stringify(content),
      }),
    );
  return { calls, post };
}

Deno.test("an upload becomes a cleaned file on behalf of the caller", async () => {
  const { calls, post } = world();
  const response = await post(body);
  assert.equal(response.status, 201);
  const { id, status, error, ...shown } = pending;
  // sha256sum of the PNG without its comment
  const name = "6b7fa434f92a8b80aab02d9bf1a12e49";
  assert.deepEqual(await response.json(), { ...shown, path: `p/${name}.png`, bytes: 70 });
  assert.deepEqual(calls, ["begin avatar by ana", `name ${name}`, "write 70 bytes to avatars", "finish 70"]);
});

Deno.test("a photo is described", async () => {
  const { calls, post } = world();
  const photo = { kind: "property_photo", path, property_id: crypto.randomUUID(), alt_text: "Door" };
  assert.equal((await post(photo)).status, 201);
  assert.equal(calls.at(-1), "finish 70 Door");
});

Deno.test("a file that is ready is not cleaned again", async () => {
  const { calls, post } = world({ beginFile: async () => ({ ...pending, status: "ready" }) });
  assert.equal((await post(body)).status, 201);
  assert.deepEqual(calls, []);
});

Deno.test("a file that was refused is refused again with the same code", async () => {
  const failed = { ...pending, status: "failed", error: "image_too_large" } as const;
  const { post } = world({ beginFile: async () => failed });
  const response = await post(body);
  assert.equal(response.status, 422);
  assert.equal((await response.json()).code, "image_too_large");
});

Deno.test("what is not of its type, not supported or too large is recorded and never written", async () => {
  const big = bytes(atob(pixel));
  big.set([0, 1, 0, 0, 0, 1, 0, 0], 16);
  for (const [upload, code] of [
    [bytes("<html>"), "file_not_of_its_type"],
    [bytes(""), "file_not_of_its_type"],
    [bytes("\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "file_not_supported"],
    [big, "image_too_large"],
  ] as const) {
    const { calls, post } = world({ readUpload: async () => upload });
    const response = await post(body);
    assert.equal((await response.json()).code, code);
    assert.deepEqual(calls, ["begin avatar by ana", `fail ${code}`]);
  }
});

Deno.test("a failure of Storage leaves the file pending", async () => {
  for (const failure of [
    { readUpload: () => Promise.reject(apiError("storage_unavailable")) },
    { writeCopy: async () => false },
  ]) {
    const { calls, post } = world(failure);
    const response = await post(body);
    assert.equal(response.status, 502);
    assert.ok(!calls.some((call) => call.startsWith("finish")));
  }
});

Deno.test("an upload that another call has finished meanwhile gets its answer", async () => {
  const answers: StoredFile[] = [pending, { ...pending, status: "ready" }];
  const { post } = world({
    beginFile: async () => answers.shift() ?? pending,
    readUpload: async () => undefined,
  });
  assert.equal((await post(body)).status, 201);
});

Deno.test("an error of the database is passed on, and nothing is read", async () => {
  const { post } = world({
    beginFile: () => Promise.reject(new ApiError(404, { code: "PT404", message: "no", hint: "check" })),
    readUpload: () => Promise.reject(new Error("read")),
  });
  const response = await post(body);
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), { code: "PT404", message: "no", hint: "check" });
});

Deno.test("a caller without a valid token and a body of another shape are refused first", async () => {
  const { calls, post } = world();
  assert.equal((await post(body, "Bearer mallory")).status, 401);
  for (const bad of [
    {},
    { path },
    { ...body, kind: "virus" },
    { ...body, path: "" },
    { ...body, kind: "attachment" },
  ]) {
    assert.equal((await post(bad)).status, 400);
  }
  assert.deepEqual(calls, []);
});
