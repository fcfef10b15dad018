// property-photos without a stack: which bytes are an image, and what happens to a file that is not.

import { ApiError, apiError } from "../_shared/errors.ts";
import { createHandler, type Dependencies } from "./handler.ts";
import { imageType } from "./image.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

const samples: [string, string, string | undefined][] = [
  ["a PNG", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0", "image/png"],
  ["a JPEG", "\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01", "image/jpeg"],
  ["a WebP", "RIFF\x24\0\0\0WEBPVP8 ", "image/webp"],
  ["an AVIF", "\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf", "image/avif"],
  ["an AVIF by its compatible brand", "\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"],
  ["a HEIC", "\0\0\0\x18ftypheic\0\0\0\0mif1heic", undefined],
  ["an MP4", "\0\0\0\x18ftypmp42\0\0\0\0isommp42", undefined],
  ["HTML", "<!doctype html><script>alert(1)", undefined],
  ["SVG", "<svg xmlns='http://www.w3.org/2000", undefined],
  ["a WAV", "RIFF\x24\0\0\0WAVEfmt ", undefined],
  ["the first bytes of a PNG alone", "\x89PNG", undefined],
  ["nothing", "", undefined],
];

for (const [name, head, expected] of samples) {
  Deno.test(`${name} is ${expected ?? "no image"}`, () => equal(imageType(bytes(head)), expected));
}

const pixel =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const png = bytes(atob(pixel));
/** The same with a comment before its last chunk. */
const commented = bytes(`${atob(pixel).slice(0, -12)}\0\0\0\x06tEXtat 77\0CRC!${atob(pixel).slice(-12)}`);

const path = "00000000-0000-4000-8000-000000000001/a.png";

function world(overrides: Partial<Dependencies> = {}) {
  const calls: string[] = [];
  const handler = createHandler({
    userOf: async (authorization) => (authorization === "Bearer ana" ? { id: "ana" } : undefined),
    readObject: async () => ({ bytes: png, contentType: "image/png" }),
    replaceObject: async (_path, clean, contentType) => {
      calls.push(`replace by ${clean.length} bytes of ${contentType}`);
      return true;
    },
    addPhoto: async (actor) => {
      calls.push(`add by ${actor}`);
      return { id: 1 };
    },
    discardUpload: async (actor) => {
      calls.push(`discard by ${actor}`);
    },
    log: (message) => void calls.push(message),
    ...overrides,
  });
  const post = (body: unknown, authorization = "Bearer ana") =>
    handler(
      new Request("http://f/", { method: "POST", headers: { authorization }, body: JSON.stringify(body) }),
    );
  return { calls, post };
}

Deno.test("an image becomes a photo on behalf of the caller", async () => {
  const { calls, post } = world();
  equal((await post({ path, alt_text: "Door" })).status, 201);
  equal(calls.join(), "add by ana");
});

Deno.test("metadata is removed before the image becomes a photo", async () => {
  const { calls, post } = world({
    readObject: async () => ({ bytes: commented, contentType: "image/png" }),
  });
  equal((await post({ path, alt_text: "Door" })).status, 201);
  equal(calls.join(), "replace by 70 bytes of image/png,add by ana");
});

Deno.test("an image that Storage did not replace does not become a photo", async () => {
  const { calls, post } = world({
    readObject: async () => ({ bytes: commented, contentType: "image/png" }),
    replaceObject: async () => false,
  });
  const response = await post({ path, alt_text: "Door" });
  equal(response.status, 502);
  equal((await response.json()).code, "storage_unavailable");
  equal(calls.length, 0);
});

Deno.test("a photo is not added when Storage cannot read it", async () => {
  const { calls, post } = world({ readObject: () => Promise.reject(apiError("storage_unavailable")) });
  const response = await post({ path, alt_text: "Door" });
  equal(response.status, 502);
  equal(calls.length, 0);
});

Deno.test("an image whose metadata cannot be removed is refused and deleted", async () => {
  const avif = bytes("\0\0\0\x14ftypavif\0\0\0\0avif\0\0\0\x09uuid?");
  const { calls, post } = world({ readObject: async () => ({ bytes: avif, contentType: "image/avif" }) });
  const response = await post({ path, alt_text: "Door" });
  equal(response.status, 415);
  equal((await response.json()).code, "image_has_metadata");
  equal(calls.join(), "discard by ana");
});

Deno.test("a file that is not an image is refused and deleted", async () => {
  const { calls, post } = world({
    readObject: async () => ({ bytes: bytes("<html>"), contentType: "image/png" }),
  });
  const response = await post({ path, alt_text: "Door" });
  equal(response.status, 415);
  equal((await response.json()).code, "not_an_image");
  equal(calls.join(), "discard by ana");
});

Deno.test("an image of another type than declared is refused", async () => {
  const { post } = world({
    readObject: async () => ({ bytes: png, contentType: "image/jpeg" }),
  });
  equal((await post({ path, alt_text: "Door" })).status, 415);
});

Deno.test("a caller without a valid token is refused before the object is read", async () => {
  const { calls, post } = world();
  equal((await post({ path, alt_text: "Door" }, "Bearer mallory")).status, 401);
  equal(calls.length, 0);
});

Deno.test("paths outside the property's folder are refused", async () => {
  const { calls, post } = world();
  for (const bad of ["../avatars/x.png", `${path}/../../x`, "x.png", `${path}?x=1`]) {
    equal((await post({ path: bad, alt_text: "Door" })).status, 400);
  }
  equal(calls.length, 0);
});

Deno.test("an error of the database is passed on", async () => {
  const { post } = world({
    addPhoto: () => Promise.reject(new ApiError(404, { code: "PT404", message: "no", hint: "check" })),
  });
  const response = await post({ path, alt_text: "Door" });
  equal(response.status, 404);
  equal(JSON.stringify(await response.json()), '{"code":"PT404","message":"no","hint":"check"}');
});

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`);
}
