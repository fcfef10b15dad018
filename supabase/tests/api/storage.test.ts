// Storage as supabase-js calls it: signed URLs, facts of objects, parts of files, lists, buckets and resumable uploads.

import { randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { Upload, type UploadOptions } from "tus-js-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { anonymous, request, service } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { png } from "../support/files.ts";
import { type Person, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const sql = database();
const { storage } = service();
const hidden = `hidden-${crypto.randomUUID()}`;
const open = `open-${crypto.randomUUID()}`;
const files = storage.from(hidden);
const buckets = [hidden, open];
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const letters = Buffer.from("abcdefghijklmnopqrstuvwxyz");
let ana: Person;

beforeAll(async () => {
  ana = await signUp("Ana");
  await storage.createBucket(hidden);
  await storage.createBucket(open, { public: true });
  for (const bucket of [hidden, open]) {
    const options = { contentType: "text/plain", metadata: { source: "test" }, cacheControl: "60" };
    expect((await storage.from(bucket).upload("folder/letters.txt", letters, options)).error).toBeNull();
  }
});
afterAll(async () => {
  for (const bucket of buckets) {
    await storage.emptyBucket(bucket);
    await storage.deleteBucket(bucket);
  }
  await sql.end();
});

const signed = (claims: Record<string, unknown>, expires: number, secret = stack.jwtSecret) =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + expires)
    .sign(new TextEncoder().encode(secret));

const readSigned = (token: string, name = "folder/letters.txt") =>
  fetch(`${stack.apiUrl}/storage/v1/object/sign/${hidden}/${name}?token=${token}`);

it("a signed URL reads its object, until it expires", async () => {
  const { data } = await files.createSignedUrl("folder/letters.txt", 60);
  const response = await fetch(data?.signedUrl ?? "");
  expect([response.status, await response.text()]).toEqual([200, letters.toString()]);

  const claims = { url: `${hidden}/folder/letters.txt`, scope: "download" };
  for (const [token, message] of [
    [await signed(claims, -10), '"exp" claim timestamp check failed'],
    [await signed(claims, 60, "another-secret-of-at-least-32-characters"), "signature verification failed"],
    ["abc", "Invalid Compact JWS"],
  ] as const) {
    const answer = await readSigned(token);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { statusCode: "400", error: "InvalidJWT", code: "InvalidJWT", message },
    ]);
  }
  const session = (await ana.client.auth.getSession()).data.session?.access_token ?? "";
  const ofUpload = await signed({ ...claims, scope: "upload" }, 60);
  for (const answer of [
    await readSigned(session),
    await readSigned(ofUpload),
    await readSigned(await signed(claims, 60), "folder/other.txt"),
  ]) {
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: "InvalidSignature" }]);
  }
});

it("many URLs are signed at once, each with its own error", async () => {
  const { data, error } = await files.createSignedUrls(["folder/letters.txt", "missing.txt"], 60);
  expect(error).toBeNull();
  expect(data).toMatchObject([
    { error: null, path: "folder/letters.txt" },
    {
      error: "Either the object does not exist or you do not have access to it",
      path: "missing.txt",
      signedUrl: null,
    },
  ]);
  expect(await (await fetch(data?.[0]?.signedUrl ?? "")).text()).toBe(letters.toString());
});

it("a signed upload URL takes one file under its name", async () => {
  const { data, error } = await files.createSignedUploadUrl("signed.png");
  expect(error).toBeNull();
  const { path = "", token = "" } = data ?? {};
  const visitor = anonymous().storage.from(hidden);
  expect((await visitor.uploadToSignedUrl("other.png", token, png)).error).toMatchObject({
    statusCode: "400",
    message: "Invalid signature",
  });
  const file = new File([png], "a.png", { type: "image/png" });
  expect((await visitor.uploadToSignedUrl(path, token, file)).error).toBeNull();
  expect((await visitor.uploadToSignedUrl(path, token, file)).error).toMatchObject({ statusCode: "409" });
  expect((await files.info(path)).data).toMatchObject({ contentType: "image/png", size: png.length });
  const reading = await signed({ url: `${hidden}/b.png`, scope: "download" }, 60);
  expect((await visitor.uploadToSignedUrl("b.png", reading, png)).error).not.toBeNull();
  expect((await visitor.createSignedUploadUrl("c.png")).error).toMatchObject({ statusCode: "403" });

  const again = await files.createSignedUploadUrl("signed.png", { upsert: true });
  const replaced = await visitor.uploadToSignedUrl("signed.png", again.data?.token ?? "", letters);
  expect(replaced.error).toBeNull();
  expect(await (await files.download("signed.png")).data?.text()).toBe(letters.toString());
});

it("exists, info, copy and move have the shapes of supabase-js", async () => {
  expect(await files.exists("folder/letters.txt")).toMatchObject({ data: true, error: null });
  expect((await files.exists("missing.txt")).data).toBe(false);

  const { data: info } = await files.info("folder/letters.txt");
  expect(info).toMatchObject({
    name: "folder/letters.txt",
    bucketId: hidden,
    size: 26,
    contentType: "text/plain",
    cacheControl: "max-age=60",
    metadata: { source: "test" },
  });
  expect((await files.info("missing.txt")).error).toMatchObject({ statusCode: "404" });

  const copied = await files.copy("folder/letters.txt", "copy.txt");
  expect(copied).toMatchObject({ data: { path: `${hidden}/copy.txt` }, error: null });
  expect((await files.copy("folder/letters.txt", "copy.txt")).error).toMatchObject({ statusCode: "409" });
  expect((await files.info("copy.txt")).data).toMatchObject({ size: 26, metadata: { source: "test" } });
  const moved = await files.move("copy.txt", "moved.txt", { destinationBucket: open });
  expect(moved).toMatchObject({ data: { message: "Successfully moved" }, error: null });
  expect((await files.exists("copy.txt")).data).toBe(false);
  expect(await (await storage.from(open).download("moved.txt")).data?.text()).toBe(letters.toString());
  for (const { error } of [await files.copy("missing", "a"), await files.move("missing", "a")]) {
    expect(error).toMatchObject({ statusCode: "404", message: "Object not found" });
  }
  const removed = await storage.from(open).remove(["moved.txt", "missing.txt"]);
  expect(removed.data).toMatchObject([{ name: "moved.txt", bucket_id: open }]);
});

it("a download is saved under a name of choice", async () => {
  const disposition = async (download: boolean | string) => {
    const { data } = storage.from(open).getPublicUrl("folder/letters.txt", { download });
    return (await fetch(data.publicUrl)).headers.get("content-disposition");
  };
  expect(await disposition(true)).toBe("attachment;");
  expect(await disposition("Ünï.txt")).toBe(
    "attachment; filename=%C3%9Cn%C3%AF.txt; filename*=UTF-8''%C3%9Cn%C3%AF.txt",
  );
});

it("parts of a file and files that have not changed", async () => {
  const { data } = storage.from(open).getPublicUrl("folder/letters.txt");
  const get = (headers: Record<string, string>, method = "GET") => fetch(data.publicUrl, { headers, method });
  const whole = await get({});
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    "accept-ranges": "bytes",
    "content-length": "26",
    "cache-control": "max-age=60",
  });
  const etag = whole.headers.get("etag") ?? "";
  const modified = whole.headers.get("last-modified") ?? "";
  for (const [range, text, contentRange] of [
    ["bytes=0-4", "abcde", "bytes 0-4/26"],
    ["bytes=24-", "yz", "bytes 24-25/26"],
    ["bytes=-3", "xyz", "bytes 23-25/26"],
    ["bytes=24-99", "yz", "bytes 24-25/26"],
  ] as const) {
    const part = await get({ range });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      contentRange,
      text,
    ]);
  }
  const beyond = await get({ range: "bytes=26-" });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */26"]);
  for (const headers of [
    { "if-none-match": etag },
    { "if-none-match": `"other", W/${etag}` },
    { "if-modified-since": modified },
  ]) {
    const unchanged = await get(headers);
    expect([unchanged.status, unchanged.headers.get("etag"), await unchanged.text()]).toEqual([
      304,
      etag,
      "",
    ]);
  }
  expect((await get({ "if-none-match": '"other"', "if-modified-since": modified })).status).toBe(200);
  expect((await get({ range: "bytes=0-4", "if-range": '"other"' })).status).toBe(200);
  const head = await get({}, "HEAD");
  expect([head.status, head.headers.get("content-length"), head.headers.get("etag")]).toEqual([
    200,
    "26",
    etag,
  ]);
});

it("lists go by folder and by page", async () => {
  const bucket = `list-${crypto.randomUUID()}`;
  buckets.push(bucket);
  await storage.createBucket(bucket);
  const listed = storage.from(bucket);
  const names = ["a/1.txt", "a/2.txt", "a/b/3.txt", "B.txt", "c.txt", "d/4.txt", "d/5.txt", "e.txt"];
  for (const name of names) expect((await listed.upload(name, letters)).error).toBeNull();

  const list = async (...options: Parameters<typeof listed.list>) =>
    (await listed.list(...options)).data?.map(({ name, id }) => (id === null ? `${name}/` : name));
  expect(await list()).toEqual(["a/", "B.txt", "c.txt", "d/", "e.txt"]);
  expect(await list("a")).toEqual(["1.txt", "2.txt", "b/"]);
  expect(await list("a", { search: "b" })).toEqual(["b/"]);
  expect(await list("", { limit: 2, offset: 1 })).toEqual(["B.txt", "c.txt"]);
  expect(await list("", { sortBy: { column: "name", order: "desc" } })).toEqual([
    "e.txt",
    "d/",
    "c.txt",
    "B.txt",
    "a/",
  ]);
  expect(await list("", { sortBy: { column: "created_at", order: "desc" } })).toEqual(
    expect.arrayContaining(["a/", "d/", "e.txt", "c.txt", "B.txt"]),
  );

  const pages = async (options: NonNullable<Parameters<typeof listed.listV2>[0]>) => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const { data, error } = await listed.listV2({
        ...options,
        limit: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(error).toBeNull();
      found.push(...[...(data?.folders ?? []), ...(data?.objects ?? [])].map(({ name }) => name));
      cursor = data?.nextCursor;
      expect(data?.hasNext).toBe(cursor !== undefined);
    } while (cursor !== undefined);
    return found;
  };
  const inOrder = [...names].sort();
  expect(await pages({})).toEqual(inOrder);
  expect(await pages({ prefix: "d/" })).toEqual(["d/4.txt", "d/5.txt"]);
  expect(await pages({ sortBy: { column: "name", order: "desc" } })).toEqual(inOrder.toReversed());
  expect(await pages({ sortBy: { column: "created_at", order: "asc" } })).toEqual(names);
  expect((await pages({ with_delimiter: true })).toSorted()).toEqual(["B.txt", "a/", "c.txt", "d/", "e.txt"]);
  expect(
    await pages({ with_delimiter: true, prefix: "a/", sortBy: { column: "name", order: "desc" } }),
  ).toEqual(["a/b/", "a/2.txt", "a/1.txt"]);
  const { data } = await listed.listV2({ with_delimiter: true, limit: 1 });
  expect(data?.objects).toMatchObject([{ key: "B.txt", name: "B.txt" }]);
  const first = await listed.listV2({ cursor: "", limit: 1 }); // as supabase-py begins
  expect(first.data?.objects.map(({ name }) => name)).toEqual(inOrder.slice(0, 1));
  const { error } = await listed.listV2({ cursor: "nonsense" });
  expect(error).toMatchObject({ statusCode: "400" });
});

it("buckets have limits as text, and are listed by page", async () => {
  const bucket = `limits-${crypto.randomUUID()}`;
  for (const name of [`${bucket}-a`, `${bucket}-b`]) {
    buckets.push(name);
    const options = { public: false, fileSizeLimit: "20MB", allowedMimeTypes: ["image/*"] };
    expect((await storage.createBucket(name, options)).error).toBeNull();
  }
  const a = storage.from(`${bucket}-a`);
  expect((await storage.getBucket(`${bucket}-a`)).data).toMatchObject({
    file_size_limit: 20_000_000,
    allowed_mime_types: ["image/*"],
  });
  expect(
    (await storage.updateBucket(`${bucket}-a`, { public: false, fileSizeLimit: "0.1kb" })).error,
  ).toBeNull();
  const image = { contentType: "image/png" };
  expect((await a.upload("a.png", Buffer.alloc(100), image)).error).toBeNull();
  expect((await a.upload("b.png", Buffer.alloc(101), image)).error).toMatchObject({
    statusCode: "413",
    message: "The object exceeded the maximum allowed size",
  });
  expect((await a.upload("c.txt", letters, { contentType: "text/plain" })).error).toMatchObject({
    statusCode: "415",
    message: "mime type text/plain is not supported",
  });
  for (const fileSizeLimit of ["20 apples", "20XB", "20MiB"]) {
    const { error } = await storage.createBucket(`${bucket}-c`, { public: false, fileSizeLimit });
    expect(error).toMatchObject({ statusCode: "400", message: expect.stringContaining("file size") });
  }
  expect((await storage.createBucket(`${bucket}-a`)).error).toMatchObject({ statusCode: "409" });
  expect((await storage.createBucket("a/b")).error).toMatchObject({ message: "Bucket name invalid" });
  expect((await storage.deleteBucket(`${bucket}-a`)).error).toMatchObject({
    message: "The bucket you tried to delete is not empty",
  });
  const ids = async (options: Parameters<typeof storage.listBuckets>[0]) =>
    (await storage.listBuckets({ search: bucket, ...options })).data?.map(({ id }) => id);
  expect(await ids({ limit: 1 })).toHaveLength(1);
  expect(await ids({ limit: 1, sortColumn: "name", sortOrder: "desc" })).toEqual([`${bucket}-b`]);
  expect(await ids({ limit: 1, offset: 1, sortColumn: "name", sortOrder: "desc" })).toEqual([`${bucket}-a`]);
  expect((await ana.client.storage.listBuckets()).data).toEqual([]);
});

it("every time is RFC 3339", async () => {
  const send = async (method: string, path: string, body?: unknown) => {
    const headers = { apikey: stack.secretKey };
    const response = await request(undefined, `/storage/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect([path, response.status]).toEqual([path, 200]);
    return response.text();
  };
  const file = "folder/letters.txt";
  const copy = { bucketId: hidden, sourceKey: file, destinationKey: "times.txt" };
  for (const text of [
    await send("GET", "/bucket"),
    await send("GET", `/bucket/${hidden}`),
    await send("POST", `/object/list/${hidden}`, { prefix: "folder" }),
    await send("POST", `/object/list-v2/${hidden}`, {}),
    await send("GET", `/object/info/${hidden}/${file}`),
    await send("POST", "/object/copy", copy),
    await send("DELETE", `/object/${hidden}`, { prefixes: ["times.txt"] }),
  ]) {
    const times = [...text.matchAll(/"(?:\w+_at|last_modified|lastModified)":"([^"]*)"/g)];
    expect(times.length).toBeGreaterThan(0);
    for (const [, time] of times) expect(time).toMatch(rfc3339);
  }
});

const token = async (person: Person) => (await person.client.auth.getSession()).data.session?.access_token;

/** Uploads until the end, or until `stopAt` bytes have arrived; resolves with the address of the upload. */
function uploadParts(
  bytes: Buffer,
  options: UploadOptions,
  stopAt = Number.POSITIVE_INFINITY,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const upload: Upload = new Upload(bytes, {
      endpoint: `${stack.apiUrl}/storage/v1/upload/resumable`,
      chunkSize: 64 * 1024,
      retryDelays: null,
      storeFingerprintForResuming: false,
      ...options,
      onError: reject,
      onSuccess: () => resolve(upload.url ?? ""),
      onChunkComplete(_size, accepted) {
        if (accepted >= stopAt) void upload.abort().then(() => resolve(upload.url ?? ""));
      },
    });
    upload.start();
  });
}

it("an upload that is broken off goes on where it stopped", async () => {
  const bytes = randomBytes(300 * 1024);
  const objectName = `${ana.id}/large.png`;
  const metadata = { bucketName: "uploads", objectName, contentType: "image/png", cacheControl: "60" };
  const headers = { apikey: stack.publishableKey, authorization: `Bearer ${await token(ana)}` };
  const url = await uploadParts(bytes, { headers, metadata }, 128 * 1024);
  const stored = ana.client.storage.from("uploads");
  expect((await stored.exists(objectName)).data).toBe(false);
  const position = await fetch(url, { method: "HEAD", headers: { ...headers, "tus-resumable": "1.0.0" } });
  expect(position.headers.get("upload-offset")).toBe(String(128 * 1024));

  const ben = await signUp("Ben");
  const theirs = { ...headers, authorization: `Bearer ${await token(ben)}` };
  await expect(uploadParts(bytes, { headers: theirs, uploadUrl: url })).rejects.toThrow("403");

  await uploadParts(bytes, { headers, uploadUrl: url });
  const { data } = await stored.download(objectName);
  expect(Buffer.from((await data?.arrayBuffer()) ?? new ArrayBuffer(0)).equals(bytes)).toBe(true);
  expect((await stored.info(objectName)).data).toMatchObject({
    size: bytes.length,
    contentType: "image/png",
    cacheControl: "max-age=60",
  });
  await expect(uploadParts(bytes, { headers, metadata })).rejects.toThrow("409");
});

it("a resumable upload has the limits of its bucket and the policies of its caller", async () => {
  const headers = { apikey: stack.publishableKey, authorization: `Bearer ${await token(ana)}` };
  const metadata = { bucketName: "uploads", objectName: `${ana.id}/a.png`, contentType: "image/png" };
  const refused = async (status: string, options: UploadOptions, size = 10) =>
    expect(uploadParts(Buffer.alloc(size), { headers, metadata, ...options })).rejects.toThrow(status);
  await refused("413", {}, 10 * 2 ** 20 + 1);
  await refused("415", { metadata: { ...metadata, contentType: "text/html" } });
  await refused("upload_folder_is_own", { metadata: { ...metadata, objectName: "a.png" } });
  await refused("404", { metadata: { ...metadata, bucketName: "missing" } });
  await refused("400", { metadata: { ...metadata, objectName: `${ana.id}/é.png` } });
  await refused("400", { headers: { apikey: stack.publishableKey, authorization: "Bearer wrong" } });
  await refused("403", { headers: { apikey: stack.publishableKey } });
});

it("a signed upload URL takes a resumable upload", async () => {
  const { data } = await files.createSignedUploadUrl("resumable.bin");
  const upload = (objectName: string) =>
    uploadParts(letters, {
      endpoint: `${stack.apiUrl}/storage/v1/upload/resumable/sign`,
      headers: { apikey: stack.publishableKey, "x-signature": data?.token ?? "" },
      metadata: { bucketName: hidden, objectName, contentType: "text/plain" },
    });
  await expect(upload("other.bin")).rejects.toThrow("400");
  await upload("resumable.bin");
  expect(await (await files.download("resumable.bin")).data?.text()).toBe(letters.toString());
});
