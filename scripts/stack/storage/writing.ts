// Writes objects: the caller's policies are tried before the file is written, and the row follows when it is complete, as hosted.

import type { TransactionSql } from "postgres";
import { as, attempt, type Caller, service } from "./access.ts";
import type { Call } from "./call.ts";
import { invalidKey } from "./errors.ts";
import { isValidKey } from "./limits.ts";
import type { FileFacts } from "./object-files.ts";
import type { Metadata, ObjectRow } from "./rows.ts";
import type { Storage } from "./storage-service.ts";

/** The object that an upload or a copy makes. */
export interface Target {
  bucket: string;
  name: string;
  owner: string | undefined;
  isUpsert: boolean;
  userMetadata: Record<string, unknown> | undefined;
}

type Facts = Partial<Metadata> | undefined;

/** @throws the error of the name or the policy that refuses the object */
export async function checkWrite(
  storage: Storage,
  caller: Caller,
  call: Call,
  target: Target,
  facts: Facts,
): Promise<void> {
  if (!isValidKey(target.name)) throw invalidKey(target.name);
  await attempt(storage, caller, call, (tx) => write(tx, target, "1", facts));
}

/** Writes the row of a file that is complete; the file goes when that fails, and that of the version before when not. */
export async function completeWrite(
  storage: Storage,
  call: Call,
  target: Target,
  version: string,
  metadata: Metadata,
): Promise<ObjectRow> {
  const { bucket, name } = target;
  try {
    const { row, before } = await as(storage, service, call, async (tx) => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${`${bucket}/${name}`}, 0))`;
      const [current] = await tx<{ version: string | null }[]>`
        select version from storage.objects where bucket_id = ${bucket} and name = ${name} for update`;
      return { row: await write(tx, target, version, metadata), before: current?.version ?? null };
    });
    await storage.files.remove([before]);
    return row;
  } catch (error) {
    await storage.files.remove([version]);
    throw error;
  }
}

export function describe({ size, eTag }: FileFacts, mimetype: string, cacheControl: string): Metadata {
  const lastModified = new Date().toISOString();
  return { eTag, size, mimetype, cacheControl, lastModified, contentLength: size, httpStatusCode: 200 };
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

async function write(
  tx: TransactionSql,
  { bucket, name, owner, isUpsert, userMetadata }: Target,
  version: string,
  facts: Facts,
): Promise<ObjectRow> {
  const row = {
    bucket_id: bucket,
    name,
    version,
    owner: owner !== undefined && uuid.test(owner) ? owner : null,
    owner_id: owner ?? null,
    metadata: facts === undefined ? null : tx.json({ ...facts }),
    user_metadata: tx.json({ ...userMetadata } as Record<string, never>),
  };
  const replaced = tx(row, "version", "owner", "owner_id", "metadata", "user_metadata");
  const [written] = await tx<ObjectRow[]>`
    insert into storage.objects ${tx(row)}
    ${isUpsert ? tx`on conflict (bucket_id, name) do update set ${replaced}` : tx``}
    returning *`;
  return written as ObjectRow;
}
