// Objects removed, moved and copied.

import { randomUUID } from "node:crypto";
import { z } from "zod";
import { as, callerOf, service } from "./access.ts";
import { fieldsOf, parseMetadata } from "./call.ts";
import { accessDenied, invalidKey, noSuchKey } from "./errors.ts";
import { isValidKey } from "./limits.ts";
import { findObject, type Metadata, type ObjectRow, objectOf } from "./rows.ts";
import type { Handler } from "./storage-service.ts";
import { checkWrite, completeWrite } from "./writing.ts";

export const removeObject: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  await objectOf(storage, service, call);
  const [removed] = await as(
    storage,
    caller,
    call,
    (tx) => tx<{ version: string | null }[]>`
      delete from storage.objects where bucket_id = ${call.bucket} and name = ${call.name} returning version`,
  );
  if (removed === undefined) throw accessDenied();
  await storage.files.remove([removed.version]);
  return Response.json({ message: "Successfully deleted" });
};

export const removeObjects: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const { prefixes } = await fieldsOf(call, z.object({ prefixes: z.array(z.string()).min(1).max(1000) }));
  const removed = await as(
    storage,
    caller,
    call,
    (tx) => tx<ObjectRow[]>`
      delete from storage.objects where bucket_id = ${call.bucket} and name = any(${prefixes}) returning *`,
  );
  await storage.files.remove(removed.map(({ version }) => version));
  return Response.json(removed);
};

const route = {
  bucketId: z.string(),
  sourceKey: z.string(),
  destinationBucket: z.string().optional(),
  destinationKey: z.string(),
};

/** A moved object keeps its version and so its file. */
export const moveObject: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const fields = await fieldsOf(call, z.object(route));
  const { bucketId, sourceKey, destinationKey: name, destinationBucket: bucket_id = bucketId } = fields;
  if (!isValidKey(name)) throw invalidKey(name);
  const [moved] = await as(storage, caller, call, async (tx) => {
    await findObject(tx, bucketId, sourceKey);
    return tx<{ id: string }[]>`
      update storage.objects set ${tx({ name, bucket_id })}
      where bucket_id = ${bucketId} and name = ${sourceKey} returning id`;
  });
  if (moved === undefined) throw noSuchKey();
  return Response.json({ message: "Successfully moved", Id: moved.id, Key: name });
};

const copying = z.object({
  ...route,
  metadata: z.object({ cacheControl: z.string(), mimetype: z.string() }).partial().optional(),
  copyMetadata: z.boolean().default(true),
});

export const copyObject: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const fields = await fieldsOf(call, copying);
  const { bucketId, sourceKey, destinationKey: name, destinationBucket: bucket = bucketId } = fields;
  const source = await as(storage, caller, call, (tx) => findObject(tx, bucketId, sourceKey));
  if (source.version === null || source.metadata === null) throw noSuchKey();
  const { headers } = call;
  const given = parseMetadata(Buffer.from(headers.get("x-metadata") ?? "", "base64").toString());
  const target = {
    bucket,
    name,
    owner: caller.owner,
    isUpsert: headers.get("x-upsert") === "true",
    userMetadata: fields.copyMetadata ? (source.user_metadata ?? undefined) : given,
  };
  const metadata: Metadata = {
    ...source.metadata,
    ...(fields.copyMetadata ? {} : (fields.metadata as Partial<Metadata> | undefined)),
    lastModified: new Date().toISOString(),
  };
  await checkWrite(storage, caller, call, target, metadata);
  const version = randomUUID();
  await storage.files.copy(source.version, version);
  const copy = await completeWrite(storage, call, target, version, metadata);
  return Response.json({ Id: copy.id, Key: `${bucket}/${name}`, ...copy });
};
