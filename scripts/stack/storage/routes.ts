// The paths of Storage, those of Supabase Storage. https://supabase.github.io/storage/

import * as buckets from "./buckets.ts";
import * as downloads from "./downloads.ts";
import { invalidRequest, toStorageError } from "./errors.ts";
import { list, listV2 } from "./listing.ts";
import * as objects from "./objects.ts";
import { receivePart, receiveSignedPart } from "./resumable.ts";
import { signUploadUrl, signUrl, signUrls } from "./signatures.ts";
import type { Handler, Storage } from "./storage-service.ts";
import { upload, uploadToSignedUrl } from "./uploads.ts";

/**
 * By methods and path, in which `:bucket` stands for one segment and `*` for the name of an object; the first that fits counts. The
 * operation is what policies read.
 */
const routes: [string, string, string, Handler][] = [
  ["GET", "/bucket", "storage.bucket.list", buckets.listBuckets],
  ["POST", "/bucket", "storage.bucket.create", buckets.createBucket],
  ["GET", "/bucket/:bucket", "storage.bucket.get", buckets.getBucket],
  ["PUT", "/bucket/:bucket", "storage.bucket.update", buckets.updateBucket],
  ["DELETE", "/bucket/:bucket", "storage.bucket.delete", buckets.deleteBucket],
  ["POST", "/bucket/:bucket/empty", "storage.bucket.empty", buckets.emptyBucket],
  ["POST", "/object/list/:bucket", "storage.object.list", list],
  ["POST", "/object/list-v2/:bucket", "storage.object.list_v2", listV2],
  ["POST", "/object/copy", "storage.object.copy", objects.copyObject],
  ["POST", "/object/move", "storage.object.move", objects.moveObject],
  ["POST", "/object/sign/:bucket/*", "storage.object.sign", signUrl],
  ["POST", "/object/sign/:bucket", "storage.object.sign_many", signUrls],
  ["GET HEAD", "/object/sign/:bucket/*", "storage.object.get_signed", downloads.downloadSigned],
  ["POST", "/object/upload/sign/:bucket/*", "storage.object.sign_upload_url", signUploadUrl],
  ["PUT", "/object/upload/sign/:bucket/*", "storage.object.upload_signed", uploadToSignedUrl],
  ["GET HEAD", "/object/public/:bucket/*", "storage.object.get_public", downloads.downloadPublic],
  ["GET", "/object/info/public/:bucket/*", "storage.object.info_public", downloads.infoPublic],
  ["GET", "/object/info/authenticated/:bucket/*", "object.get_authenticated_info", downloads.info],
  ["GET", "/object/info/:bucket/*", "object.get_authenticated_info", downloads.info],
  ["HEAD", "/object/authenticated/:bucket/*", "object.head_authenticated_info", downloads.download],
  ["HEAD", "/object/:bucket/*", "object.head_authenticated_info", downloads.download],
  ["GET", "/object/authenticated/:bucket/*", "storage.object.get_authenticated", downloads.download],
  ["GET", "/object/:bucket/*", "storage.object.get_authenticated", downloads.download],
  ["POST", "/object/:bucket/*", "storage.object.upload", upload],
  ["PUT", "/object/:bucket/*", "storage.object.upload_update", upload],
  ["DELETE", "/object/:bucket/*", "storage.object.delete", objects.removeObject],
  ["DELETE", "/object/:bucket", "storage.object.delete_many", objects.removeObjects],
  ["POST", "/upload/resumable/sign", "storage.tus.upload.create_signed", receiveSignedPart],
  ["PATCH", "/upload/resumable/sign/:bucket", "storage.tus.upload.part_signed", receiveSignedPart],
  ["HEAD", "/upload/resumable/sign/:bucket", "storage.tus.upload.get_signed", receiveSignedPart],
  ["DELETE", "/upload/resumable/sign/:bucket", "storage.tus.upload.delete_signed", receiveSignedPart],
  ["POST", "/upload/resumable", "storage.tus.upload.create", receivePart],
  ["PATCH", "/upload/resumable/:bucket", "storage.tus.upload.part", receivePart],
  ["HEAD", "/upload/resumable/:bucket", "storage.tus.upload.get", receivePart],
  ["DELETE", "/upload/resumable/:bucket", "storage.tus.upload.delete", receivePart],
];

const patterns = routes.map(([methods, path, operation, handler]) => ({
  methods: methods.split(" "),
  pattern: new RegExp(`^${path.replace(":bucket", "(?<bucket>[^/]+)").replace("*", "(?<name>.+)")}$`),
  operation,
  handler,
}));

export async function answer(storage: Storage, request: Request): Promise<Response> {
  try {
    const url = new URL(request.url);
    const path = url.pathname.replace(/^\/storage\/v1/, "");
    for (const { methods, pattern, operation, handler } of patterns) {
      if (!methods.includes(request.method)) continue;
      const found = pattern.exec(path) ?? pattern.exec(path.replace(/\/$/, ""));
      if (found === null) continue;
      const { bucket = "", name = "" } = found.groups ?? {};
      const call = { request, url, headers: request.headers, operation };
      return await handler(storage, { ...call, bucket: decode(bucket), name: decode(name) });
    }
    const message = `Route ${request.method}:${path} not found`;
    return Response.json({ message, error: "Not Found", statusCode: 404 }, { status: 404 });
  } catch (cause) {
    return toStorageError(cause).answer();
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalidRequest(`Invalid path: ${segment}`);
  }
}
