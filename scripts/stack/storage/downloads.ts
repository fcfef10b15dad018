// Objects and what describes them: downloads, parts of them, answers to caches, and `info`.

import { as, type Caller, callerOf, service } from "./access.ts";
import type { Call } from "./call.ts";
import { noSuchBucket, StorageError } from "./errors.ts";
import { bucketOf, findObject, type Metadata, type ObjectRow, objectOf } from "./rows.ts";
import { verifyDownloadUrl } from "./signatures.ts";
import type { Handler, Storage } from "./storage-service.ts";

/** Of a bucket that is public, or under the caller's policies. */
export const download: Handler = async (storage, call) =>
  render(storage, call, await readable(storage, call));

export const downloadPublic: Handler = async (storage, call) =>
  render(storage, call, await publicObject(storage, call));

export const downloadSigned: Handler = async (storage, call) => {
  const { exp } = await verifyDownloadUrl(storage, call);
  const object = await objectOf(storage, service, call);
  const answer = await render(storage, call, object);
  answer.headers.delete("cache-control");
  answer.headers.set("expires", new Date(exp * 1000).toUTCString());
  return answer;
};

export const info: Handler = async (storage, call) => describeObject(await readable(storage, call));

export const infoPublic: Handler = async (storage, call) => describeObject(await publicObject(storage, call));

async function readable(storage: Storage, call: Call): Promise<ObjectRow> {
  const bucket = await bucketOf(storage, call);
  if (bucket.public) return objectOf(storage, service, call);
  const caller: Caller | undefined = await callerOf(storage, call).catch(() => undefined);
  if (caller === undefined) throw noSuchBucket();
  return objectOf(storage, caller, call);
}

async function publicObject(storage: Storage, call: Call): Promise<ObjectRow> {
  const bucket = await bucketOf(storage, call);
  if (!bucket.public) throw noSuchBucket();
  return as(storage, service, call, (tx) => findObject(tx, call.bucket, call.name));
}

function describeObject({ metadata, user_metadata, created_at, updated_at, ...object }: ObjectRow): Response {
  return Response.json({
    id: object.id,
    name: object.name,
    version: object.version,
    bucket_id: object.bucket_id,
    size: metadata?.size ?? null,
    content_type: metadata?.mimetype ?? null,
    cache_control: metadata?.cacheControl ?? null,
    etag: metadata?.eTag ?? null,
    metadata: user_metadata,
    last_modified: updated_at,
    created_at,
  });
}

async function render(storage: Storage, { request, url }: Call, object: ObjectRow): Promise<Response> {
  const { version, metadata } = object;
  if (version === null || metadata === null) throw missing();
  const headers = headersOf(metadata, url.searchParams.get("download"));
  if (isUnchanged(request.headers, metadata)) return new Response(null, { status: 304, headers });
  const { size } = metadata;
  const range = rangeOf(request.headers, metadata);
  if (range === "unsatisfiable") {
    const answer = new StorageError(416, "InvalidRange", "The requested range is not satisfiable").answer();
    return new Response(answer.body, {
      status: 416,
      headers: { "content-type": "application/json", "content-range": `bytes */${size}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: Math.max(0, size - 1) };
  headers.set("content-length", String(range === undefined ? size : end - start + 1));
  if (range !== undefined) headers.set("content-range", `bytes ${start}-${end}/${size}`);
  const status = range === undefined ? 200 : 206;
  if (request.method === "HEAD") return new Response(null, { status, headers });
  const body = await storage.files.read(version, start, end);
  if (body === undefined) throw missing();
  return new Response(body as ReadableStream<Uint8Array>, { status, headers });
}

const missing = () => new StorageError(404, "NoSuchKey", "The resource was not found", "Not found");

/** Browsers must not guess the type of an object, and save what is not a picture. */
function headersOf(
  { mimetype, eTag, cacheControl, lastModified }: Metadata,
  download: string | null,
): Headers {
  const isPicture = /^image\/(?!svg)/.test(mimetype);
  const headers = new Headers({
    "accept-ranges": "bytes",
    "content-type": mimetype.includes("text/html") ? "text/plain" : mimetype,
    etag: eTag,
    "last-modified": new Date(lastModified).toUTCString(),
    "cache-control": cacheControl,
    "x-robots-tag": "none",
    "x-content-type-options": "nosniff",
  });
  if (download) {
    const name = encodeURIComponent(download);
    headers.set("content-disposition", `attachment; filename=${name}; filename*=UTF-8''${name}`);
  } else if (download === "") headers.set("content-disposition", "attachment;");
  else if (!isPicture) headers.set("content-disposition", "attachment");
  return headers;
}

/** Whether the client's copy is the object, by its ETag or, without one, its time. */
function isUnchanged(headers: Headers, { eTag, lastModified }: Metadata): boolean {
  const tags = headers.get("if-none-match");
  if (tags !== null) {
    return tags.split(",").some((tag) => ["*", eTag].includes(tag.trim().replace(/^W\//, "")));
  }
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  return Math.floor(Date.parse(lastModified) / 1000) * 1000 <= since;
}

type Range = { start: number; end: number };

/** The single range that the client asks for; undefined when it asks for none, several, or one of another version. */
function rangeOf(headers: Headers, { eTag, size }: Metadata): Range | "unsatisfiable" | undefined {
  const condition = headers.get("if-range");
  if (condition !== null && condition !== eTag) return undefined;
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(headers.get("range") ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start <= end ? { start, end } : "unsatisfiable";
}
