// Buckets: listed, created, changed, emptied and deleted.

import { z } from "zod";
import { as, callerOf, service } from "./access.ts";
import { fieldsOf, limit, offset, order, parametersOf } from "./call.ts";
import { invalidRequest, noSuchBucket, StorageError } from "./errors.ts";
import { bytesOfBucket, isValidBucketName } from "./limits.ts";
import { type Bucket, bucketOf } from "./rows.ts";
import type { Handler } from "./storage-service.ts";

interface FullBucket extends Bucket {
  name: string;
  owner: string | null;
  created_at: Date;
  updated_at: Date;
}

const page = z.object({
  limit: limit.optional(),
  offset: offset.default(0),
  sortColumn: z.enum(["id", "name", "created_at", "updated_at"]).default("id"),
  sortOrder: order,
  search: z.string().default(""),
});

const changes = z.object({
  public: z.boolean().nullish(),
  file_size_limit: z
    .union([z.int().min(0), z.string()])
    .transform((size) => (typeof size === "string" ? bytesOfBucket(size) : size))
    .nullish(),
  allowed_mime_types: z.array(z.string()).nullish(),
});
const newBucket = changes.extend({ name: z.string(), id: z.string().optional() });

export const listBuckets: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const { limit, offset, sortColumn, sortOrder, search } = parametersOf(call, page);
  const buckets = await as(
    storage,
    caller,
    call,
    (tx) => tx<FullBucket[]>`
      select id, name, public, owner, created_at, updated_at, file_size_limit, allowed_mime_types, 'STANDARD' as type
      from storage.buckets
      where strpos(lower(name), ${search.toLowerCase()}) > 0
      order by ${tx(sortColumn)} ${sortOrder === "desc" ? tx`desc` : tx`asc`}, id
      ${limit === undefined ? tx`` : tx`limit ${limit}`} offset ${offset}`,
  );
  return Response.json(buckets.map(shown));
};

export const getBucket: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const [bucket] = await as(
    storage,
    caller,
    call,
    (tx) => tx<FullBucket[]>`
      select id, name, owner, public, created_at, updated_at, file_size_limit, allowed_mime_types
      from storage.buckets where id = ${call.bucket}`,
  );
  if (bucket === undefined) throw noSuchBucket();
  return Response.json(shown(bucket));
};

export const createBucket: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const fields = await fieldsOf(call, newBucket);
  const { name, id = name } = fields;
  if (!isValidBucketName(name) || !isValidBucketName(id)) {
    throw new StorageError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input");
  }
  const { owner } = caller;
  const row = {
    id,
    name,
    owner: owner ?? null,
    owner_id: owner ?? null,
    public: fields.public ?? false,
    file_size_limit: fields.file_size_limit ?? null,
    allowed_mime_types: fields.allowed_mime_types ?? null,
  };
  await as(storage, caller, call, (tx) => tx`insert into storage.buckets ${tx(row)}`);
  return Response.json({ name });
};

export const updateBucket: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const fields = Object.entries(await fieldsOf(call, changes)).filter(([, value]) => value !== undefined);
  if (fields.length === 0) throw invalidRequest("No content provided");
  const updated = await as(
    storage,
    caller,
    call,
    (tx) => tx`
      update storage.buckets set ${tx(Object.fromEntries(fields))}, updated_at = now()
      where id = ${call.bucket} returning id`,
  );
  if (updated.length === 0) throw noSuchBucket();
  return Response.json({ message: "Successfully updated" });
};

/** Objects go at once; hosted Storage queues them, and the message is its own. */
export const emptyBucket: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const removed = await as(storage, caller, call, async (tx) => {
    const [bucket] = await tx`select id from storage.buckets where id = ${call.bucket}`;
    if (bucket === undefined) throw noSuchBucket();
    return tx<{ version: string | null }[]>`
      delete from storage.objects where bucket_id = ${call.bucket} returning version`;
  });
  await storage.files.remove(removed.map(({ version }) => version));
  return Response.json({ message: "Empty bucket has been queued. Completion may take up to an hour." });
};

export const deleteBucket: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  await bucketOf(storage, call);
  const objects = await as(
    storage,
    service,
    call,
    (tx) => tx`select from storage.objects where bucket_id = ${call.bucket} limit 1`,
  );
  if (objects.length > 0) {
    throw new StorageError(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty");
  }
  const deleted = await as(
    storage,
    caller,
    call,
    (tx) => tx`delete from storage.buckets where id = ${call.bucket} returning id`,
  );
  if (deleted.length === 0) throw noSuchBucket();
  return Response.json({ message: "Successfully deleted" });
};

/** Postgres sends large integers as text. As on hosted Supabase, a bucket without an owner shows an empty one: typed clients take no null. */
function shown(bucket: FullBucket) {
  const { file_size_limit: size, owner } = bucket;
  return { ...bucket, owner: owner ?? "", file_size_limit: size === null ? null : Number(size) };
}
