// Rows of storage.buckets and storage.objects.

import type { TransactionSql } from "postgres";
import { as, type Caller, service } from "./access.ts";
import type { Call } from "./call.ts";
import { noSuchBucket, noSuchKey } from "./errors.ts";
import type { Storage } from "./storage-service.ts";

export interface Bucket {
  id: string;
  public: boolean;
  file_size_limit: string | null;
  allowed_mime_types: string[] | null;
}

export interface ObjectRow {
  id: string;
  name: string;
  bucket_id: string;
  version: string | null;
  metadata: Metadata | null;
  user_metadata: Record<string, unknown> | null;
  created_at: Date;
  updated_at: Date;
}

/** What describes the file of an object. */
export interface Metadata {
  eTag: string;
  size: number;
  mimetype: string;
  cacheControl: string;
  lastModified: string;
  contentLength: number;
  httpStatusCode: number;
}

/** A bucket, under no policies. @throws StorageError when there is none */
export async function bucketOf(storage: Storage, call: Call, id = call.bucket): Promise<Bucket> {
  const [bucket] = await as(
    storage,
    service,
    call,
    (tx) =>
      tx<
        Bucket[]
      >`select id, public, file_size_limit, allowed_mime_types from storage.buckets where id = ${id}`,
  );
  if (bucket === undefined) throw noSuchBucket();
  return bucket;
}

/** An object as the caller may read it. @throws StorageError when there is none */
export async function objectOf(storage: Storage, caller: Caller, call: Call): Promise<ObjectRow> {
  return as(storage, caller, call, (tx) => findObject(tx, call.bucket, call.name));
}

export async function findObject(tx: TransactionSql, bucket: string, name: string): Promise<ObjectRow> {
  const [object] = await tx<ObjectRow[]>`
    select id, name, bucket_id, version, metadata, user_metadata, created_at, updated_at
    from storage.objects where bucket_id = ${bucket} and name = ${name}`;
  if (object === undefined) throw noSuchKey();
  return object;
}
