// Uploads of whole files: the bytes alone, or the form that supabase-js makes of a `File` or `Blob`.

import { randomUUID } from "node:crypto";
import { callerOf, service } from "./access.ts";
import { type Call, parseMetadata } from "./call.ts";
import { invalidRequest, tooLarge } from "./errors.ts";
import { checkType } from "./limits.ts";
import { type Bucket, bucketOf } from "./rows.ts";
import { verifyUploadUrl } from "./signatures.ts";
import type { Handler, Storage } from "./storage-service.ts";
import { checkWrite, completeWrite, describe, type Target } from "./writing.ts";

interface Upload {
  body: ReadableStream<Uint8Array> | null;
  /** In bytes, as the client says. */
  size: number | undefined;
  type: string;
  cacheControl: string;
  userMetadata: Record<string, unknown> | undefined;
}

export const upload: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const isUpsert = call.request.method === "PUT" || call.headers.get("x-upsert") === "true";
  return receive(storage, call, caller, { owner: caller.owner, isUpsert });
};

export const uploadToSignedUrl: Handler = async (storage, call) => {
  const { owner, upsert } = await verifyUploadUrl(storage, call, call.url.searchParams.get("token"));
  return receive(storage, call, service, { owner, isUpsert: upsert });
};

async function receive(
  storage: Storage,
  call: Call,
  caller: typeof service,
  rest: Pick<Target, "owner" | "isUpsert">,
): Promise<Response> {
  const bucket = await bucketOf(storage, call);
  const { body, size, type, cacheControl, userMetadata } = await readUpload(call);
  checkType(type, bucket.allowed_mime_types);
  const limit = sizeLimitOf(storage, bucket);
  if (size !== undefined && size > limit) throw tooLarge();
  const target = { bucket: bucket.id, name: call.name, userMetadata, ...rest };
  const facts = { mimetype: type, ...(size === undefined ? {} : { contentLength: size }) };
  await checkWrite(storage, caller, call, target, facts);
  const version = randomUUID();
  const written = await storage.files.write(version, body, limit);
  const { id } = await completeWrite(storage, call, target, version, describe(written, type, cacheControl));
  return Response.json({ Id: id, Key: `${bucket.id}/${call.name}` });
}

/** The size of the largest file in a bucket, in bytes. */
export function sizeLimitOf({ sizeLimit }: Pick<Storage, "sizeLimit">, { file_size_limit }: Bucket): number {
  return file_size_limit === null ? sizeLimit : Math.min(Number(file_size_limit), sizeLimit);
}

async function readUpload({ request, headers }: Call): Promise<Upload> {
  const type = headers.get("content-type");
  if (type?.startsWith("multipart/form-data")) return readForm(request);
  const size = headers.get("content-length");
  return {
    body: request.body,
    size: size === null ? undefined : Number(size),
    type: type ?? "application/octet-stream",
    cacheControl: headers.get("cache-control") ?? "no-cache",
    userMetadata: parseMetadata(Buffer.from(headers.get("x-metadata") ?? "", "base64").toString()),
  };
}

async function readForm(request: Request): Promise<Upload> {
  const form = await request.formData().catch(() => new FormData());
  const file = [...form.values()].find((value) => value instanceof File);
  if (file === undefined) throw invalidRequest("No content provided");
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value : undefined;
  };
  const age = text("cacheControl");
  return {
    body: file.stream(),
    size: file.size,
    type: text("contentType") ?? (file.type || "application/octet-stream"),
    cacheControl: age === undefined ? "no-cache" : `max-age=${age}`,
    userMetadata: parseMetadata(text("metadata") ?? text("userMetadata")),
  };
}
