// Resumable uploads by the TUS protocol: parts of a file, which becomes an object when it is complete.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { FileStore } from "@tus/file-store";
import { MemoryLocker, Metadata, Server, type Upload } from "@tus/server";
import { type Caller, callerOf, service } from "./access.ts";
import { type Call, parseMetadata } from "./call.ts";
import { invalidRequest, StorageError, toStorageError } from "./errors.ts";
import { checkType } from "./limits.ts";
import { bucketOf } from "./rows.ts";
import { verifyUploadUrl } from "./signatures.ts";
import type { Handler, Storage } from "./storage-service.ts";
import { sizeLimitOf } from "./uploads.ts";
import { checkWrite, completeWrite, describe, type Target } from "./writing.ts";

const path = "/storage/v1/upload/resumable";

/** How long an upload may take, in milliseconds. */
const lifetime = 24 * 60 * 60 * 1000;

export interface ResumableUploads {
  store: FileStore;
  locker: MemoryLocker;
  removeExpired(): Promise<void>;
}

/** Keeps the files that are not complete in the folder `<dataDir>/objects/parts`. */
export function createResumableUploads(dataDir: string): ResumableUploads {
  const directory = join(dataDir, "objects", "parts");
  const store = new FileStore({ directory, expirationPeriodInMilliseconds: lifetime });
  return {
    store,
    locker: new MemoryLocker(),
    async removeExpired() {
      await store.deleteExpired();
    },
  };
}

export const receivePart: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  return receive(storage, call, async () => ({
    caller,
    owner: caller.owner,
    isUpsert: call.headers.get("x-upsert") === "true",
  }));
};

/** The header `x-signature` has the token of a signed upload URL. */
export const receiveSignedPart: Handler = async (storage, call) =>
  receive(storage, call, async (bucket, name) => {
    const token = call.headers.get("x-signature");
    if (token === null) throw new StorageError(400, "InvalidSignature", "Missing x-signature header");
    const { owner, upsert } = await verifyUploadUrl(storage, { ...call, bucket, name }, token);
    return { caller: service, owner, isUpsert: upsert };
  });

type Authorize = (
  bucket: string,
  name: string,
) => Promise<{ caller: Caller } & Pick<Target, "owner" | "isUpsert">>;

/** Authorizes each request, because a part may come from anyone who knows the URL. */
async function receive(storage: Storage, call: Call, authorize: Authorize): Promise<Response> {
  const { store, locker } = storage.resumable;

  async function check({ metadata, size }: Pick<Upload, "metadata" | "size">): Promise<Target> {
    const { bucketName: bucket, objectName: name, contentType, metadata: custom } = metadata ?? {};
    if (!bucket || !name) throw invalidRequest("Metadata header is required");
    const { caller, ...rest } = await authorize(bucket, name);
    const target = { bucket, name, userMetadata: parseMetadata(custom), ...rest };
    const facts = {
      ...(contentType ? { mimetype: contentType } : {}),
      ...(size === undefined ? {} : { contentLength: size }),
    };
    await checkWrite(storage, caller, call, target, facts);
    return target;
  }

  const server = new Server({
    path,
    datastore: store,
    locker,
    disableTerminationForFinishedUploads: true,
    namingFunction: () => randomUUID(),
    generateUrl: (_request, { id }) => {
      const host = call.headers.get("x-forwarded-host") ?? call.url.host;
      return `${call.url.protocol}//${host}${call.url.pathname.replace(/\/$/, "")}/${id}`;
    },
    async maxSize(_request, id) {
      const metadata =
        id !== null && call.request.method !== "POST"
          ? (await store.getUpload(id)).metadata
          : Metadata.parse(call.headers.get("upload-metadata") ?? undefined);
      return sizeLimitOf(storage, await bucketOf(storage, call, metadata?.bucketName ?? ""));
    },
    async onIncomingRequest(_request, id) {
      if (["PATCH", "DELETE"].includes(call.request.method)) await check(await store.getUpload(id));
    },
    async onUploadCreate(_request, upload) {
      const { bucket } = await check(upload);
      const { allowed_mime_types: types } = await bucketOf(storage, call, bucket);
      checkType(upload.metadata?.contentType ?? "application/octet-stream", types);
      return {};
    },
    async onUploadFinish(_request, upload) {
      const target = await check(upload);
      const { contentType, cacheControl } = upload.metadata ?? {};
      const facts = await storage.files.adopt(join(store.directory, upload.id), upload.id);
      await store.configstore.delete(upload.id);
      const age = /^\d+$/.test(cacheControl ?? "") ? `max-age=${cacheControl}` : "no-cache";
      await completeWrite(
        storage,
        call,
        target,
        upload.id,
        describe(facts, contentType ?? "application/octet-stream", age),
      );
      return { headers: { "Tus-Complete": "1" } };
    },
    onResponseError(_request, error) {
      if (!(error instanceof Error)) return undefined;
      const { status, message } = toStorageError(error);
      return { status_code: status, body: message };
    },
  });
  return server.handleWeb(call.request);
}
