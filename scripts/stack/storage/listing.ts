// Lists of a bucket's objects, flat or by folder. A folder takes one index probe, however many objects are in it, unless another
// column than the name orders the list.

import type { PendingQuery, Row, TransactionSql } from "postgres";
import { z } from "zod";
import { as, callerOf } from "./access.ts";
import { fieldsOf, limit, offset, order } from "./call.ts";
import { StorageError } from "./errors.ts";
import type { Handler } from "./storage-service.ts";

type Fragment = PendingQuery<Row[]>;

interface Entry {
  /** The whole name; that of a folder ends with a slash. */
  entry: string;
  id: string | null;
  updated_at: Date | null;
  created_at: Date | null;
  last_accessed_at: Date | null;
  metadata: unknown;
}

const nothing = { id: null, updated_at: null, created_at: null, last_accessed_at: null, metadata: null };

const listOptions = z.object({
  prefix: z.string(),
  limit: limit.default(100),
  offset: offset.default(0),
  search: z.string().default(""),
  sortBy: z
    .object({ column: z.enum(["name", "updated_at", "created_at", "last_accessed_at"]), order })
    .partial()
    .default({}),
});

/** The entries of one folder, with names relative to it; upper and lower case are alike, as hosted. */
export const list: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const { prefix, limit, offset, search, sortBy } = await fieldsOf(call, listOptions);
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const { column = "name", order = "asc" } = sortBy;
  const range = { bucket: call.bucket, prefix: (folder + search).toLowerCase(), order, limit };
  const entries = await as(storage, caller, call, (tx) =>
    column === "name"
      ? byName(tx, { ...range, key: tx`lower(o.name)`, after: undefined, offset })
      : byTime(tx, {
          ...range,
          key: tx`lower(o.name)`,
          column,
          after: undefined,
          offset,
          foldersFirst: true,
        }),
  );
  return Response.json(
    entries.map(({ entry, ...facts }) => {
      const name = entry.slice(folder.length);
      return facts.id === null ? { name: name.slice(0, -1), ...nothing } : { name, ...facts };
    }),
  );
};

const listV2Options = z.object({
  prefix: z.string().default(""),
  limit: limit.default(1000),
  cursor: z.string().optional(),
  with_delimiter: z.boolean().default(false),
  sortBy: z
    .object({ column: z.enum(["name", "updated_at", "created_at"]), order })
    .partial()
    .default({}),
});

const cursorFields = z.object({
  after: z.string(),
  column: z.enum(["name", "updated_at", "created_at"]),
  order,
  time: z.iso.datetime().optional(),
});
type Cursor = z.infer<typeof cursorFields>;

/** Pages of the names that begin with a prefix, in which the part up to the next slash may stand for all that is below it. */
export const listV2: Handler = async (storage, call) => {
  const caller = await callerOf(storage, call);
  const options = await fieldsOf(call, listV2Options);
  const { prefix, limit, with_delimiter: byFolder } = options;
  const cursor = options.cursor ? readCursor(options.cursor) : undefined; // supabase-py begins with an empty one
  const { column = "name", order = "asc" } = cursor ?? options.sortBy;
  const range = { bucket: call.bucket, prefix, order, limit: limit + 1, offset: 0 };
  const found = await as(storage, caller, call, (tx) => {
    const key = tx`o.name`;
    if (column !== "name") {
      return byTime(tx, { ...range, key, column, byFolder, after: cursor, foldersFirst: false });
    }
    return byName(tx, { ...range, key, byFolder, after: cursor?.after });
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const hasNext = found.length > limit;
  const time = column === "name" ? undefined : last?.[column]?.toISOString();
  const next: Cursor | undefined =
    hasNext && last !== undefined ? { after: last.entry, column, order, time } : undefined;
  const nameOf = ({ entry, ...facts }: Entry) => {
    const key = byFolder ? { key: entry.slice(prefix.lastIndexOf("/") + 1).replace(/\/$/, "") } : {};
    return { ...key, name: entry, ...facts };
  };
  return Response.json({
    hasNext,
    ...(next === undefined ? {} : { nextCursor: writeCursor(next), nextCursorKey: next.after }),
    folders: page.filter(({ id }) => id === null).map((folder) => ({ ...nameOf(folder), ...nothing })),
    objects: page.filter(({ id }) => id !== null).map(nameOf),
  });
};

function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString("base64url");
}

function readCursor(text: string): Cursor {
  try {
    return cursorFields.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
  } catch {
    throw new StorageError(400, "InvalidParameter", "Invalid Parameter continuation token");
  }
}

interface Range {
  bucket: string;
  prefix: string;
  /** The name, or the name in lower case; both have an index in byte order. */
  key: Fragment;
  byFolder?: boolean;
  order: "asc" | "desc";
  limit: number;
  offset: number;
}

/** Sorts after every character that a name can have. */
const highest = "\u{10FFFF}";

async function byName(
  tx: TransactionSql,
  {
    bucket,
    prefix,
    key,
    byFolder = true,
    order,
    limit,
    offset,
    after,
  }: Range & { after: string | undefined },
): Promise<Entry[]> {
  const isDown = order === "desc";
  const slash = byFolder ? tx`strpos(substr(o.name, ${prefix.length + 1}::integer), '/')` : tx`0`;
  const end = tx`${prefix.length}::integer + ${slash}`;
  /** The object at the head of the rest of the list, and where the list goes on behind it or its folder. */
  const head = (from: Fragment) => tx`
    select case when ${slash} > 0 then left(o.name, ${end}) else o.name end as entry,
      case when ${slash} = 0 then o.id end as id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata,
      case when ${slash} > 0 then ${isDown ? tx`left(${key}, ${end})` : tx`left(${key}, ${end} - 1) || '0'`}
        else ${isDown ? key : tx`${key} || e'\\x01'`} end as rest
    from storage.objects o
    where o.bucket_id = ${bucket} and ${key} collate "C" >= ${prefix} and ${key} collate "C" < ${prefix + highest}
      and ${key} collate "C" ${isDown ? tx`<` : tx`>=`} ${from}
    order by ${key} collate "C" ${isDown ? tx`desc` : tx`asc`}
    limit 1`;
  const first = isDown ? prefix + highest : prefix;
  const start = after === undefined ? first : behind(after, byFolder, isDown);
  return tx<Entry[]>`
    with recursive entries as (
      (${head(tx`${start}`)})
      union all
      select next.* from entries cross join lateral (${head(tx`entries.rest`)}) as next
    )
    select entry, id, updated_at, created_at, last_accessed_at, metadata from entries limit ${limit} offset ${offset}`;
}

/** Where a list goes on behind an entry: `0` is the character after the slash. */
function behind(entry: string, byFolder: boolean, isDown: boolean): string {
  if (isDown) return entry;
  return byFolder && entry.endsWith("/") ? `${entry.slice(0, -1)}0` : `${entry}\u0001`;
}

interface TimeRange extends Range {
  column: "updated_at" | "created_at" | "last_accessed_at";
  after: Cursor | undefined;
  foldersFirst: boolean;
}

/** Orders by a time; a folder has the time of its first object. Reads all that begins with the prefix. */
async function byTime(
  tx: TransactionSql,
  { bucket, prefix, key, byFolder = true, order, limit, offset, column, after, foldersFirst }: TimeRange,
): Promise<Entry[]> {
  const slash = byFolder ? tx`strpos(substr(o.name, ${prefix.length + 1}::integer), '/')` : tx`0`;
  const time = tx`date_trunc('milliseconds', ${tx(column)})`;
  const direction = order === "desc" ? tx`desc` : tx`asc`;
  const isBehind =
    after?.time === undefined
      ? tx`true`
      : tx`(${time}, entry) ${order === "desc" ? tx`<` : tx`>`} (${after.time}::timestamptz, ${after.after})`;
  return tx<Entry[]>`
    with named as (
      select
        case when ${slash} > 0 then left(o.name, ${prefix.length}::integer + ${slash}) else o.name end collate "C" as entry,
        case when ${slash} = 0 then o.id end as id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
      from storage.objects o
      where o.bucket_id = ${bucket} and ${key} collate "C" >= ${prefix} and ${key} collate "C" < ${prefix + highest}
    ), entries as (
      select distinct on (entry) * from named order by entry, ${tx(column)}
    )
    select * from entries where ${isBehind}
    order by ${foldersFirst ? tx`id is null desc,` : tx``} ${time} ${direction}, entry ${direction}
    limit ${limit} offset ${offset}`;
}
