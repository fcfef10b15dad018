// Storage's objects as files: one file for the bytes and one for the metadata. Names are hashes, because a key is free text and must
// never become a path.

import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { copyFile, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as WebStream } from "node:stream/web";
import { pathToFileURL } from "node:url";
import type { App } from "@supabase/lite";

type StorageAdapter = NonNullable<App["_storageAdapter"]>;
type ObjectMetadata = Awaited<ReturnType<StorageAdapter["headObject"]>>;

interface Metadata {
  mimetype: string;
  cacheControl: string;
  eTag: string;
}

/** Implements Storage's adapter on the folder `<dataDir>/objects`. */
export function createObjectFiles(dataDir: string): StorageAdapter {
  const fileOf = (bucket: string, key: string) => {
    const name = createHash("sha256").update(`${bucket}\0${key}`).digest("hex");
    return join(dataDir, "objects", name.slice(0, 2), name);
  };

  async function metadata(file: string): Promise<ObjectMetadata> {
    const { size, mtime } = await stat(file);
    const facts = JSON.parse(await readFile(`${file}.json`, "utf8")) as Metadata;
    return { ...facts, contentLength: size, size, lastModified: mtime, httpStatusCode: 200 };
  }

  return {
    driver: undefined,

    async uploadObject(bucket, key, _version, body, contentType, cacheControl) {
      const file = fileOf(bucket, key);
      await mkdir(dirname(file), { recursive: true });
      const partial = `${file}.${randomUUID()}`;
      const md5 = createHash("md5");
      const hash = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          md5.update(chunk);
          done(null, chunk);
        },
      });
      try {
        const source =
          body instanceof Uint8Array
            ? Readable.from([body])
            : Readable.fromWeb(body as WebStream<Uint8Array>);
        await pipeline(source, hash, createWriteStream(partial));
        const facts: Metadata = { mimetype: contentType, cacheControl, eTag: `"${md5.digest("hex")}"` };
        await writeFile(`${file}.json`, JSON.stringify(facts));
        await rename(partial, file);
      } finally {
        await rm(partial, { force: true });
      }
      return metadata(file);
    },

    async getObject(bucket, key, _version, headers) {
      const file = fileOf(bucket, key);
      const facts = await metadata(file);
      if (headers?.ifNoneMatch === facts.eTag)
        return { metadata: { ...facts, httpStatusCode: 304 }, httpStatusCode: 304 };
      const range = parseRange(headers?.range, facts.size);
      // opened before the answer begins, so that an object that is deleted meanwhile is still read to its end
      const stream = (await open(file)).createReadStream(range);
      const body = Readable.toWeb(stream) as WebStream<Uint8Array>;
      if (range === undefined) return { metadata: facts, httpStatusCode: 200, body };
      const contentRange = `bytes ${range.start}-${range.end}/${facts.size}`;
      const contentLength = range.end - range.start + 1;
      return {
        metadata: { ...facts, contentLength, contentRange, httpStatusCode: 206 },
        httpStatusCode: 206,
        body,
      };
    },

    async headObject(bucket, key) {
      return metadata(fileOf(bucket, key));
    },

    async copyObject(sourceBucket, source, _version, destinationBucket, destination) {
      const from = fileOf(sourceBucket, source);
      const to = fileOf(destinationBucket, destination);
      await mkdir(dirname(to), { recursive: true });
      await copyFile(from, to);
      await copyFile(`${from}.json`, `${to}.json`);
      const { eTag, lastModified } = await metadata(to);
      return { httpStatusCode: 200, eTag, ...(lastModified === undefined ? {} : { lastModified }) };
    },

    async deleteObject(bucket, key) {
      await remove(fileOf(bucket, key));
    },

    async deleteObjects(bucket, keys) {
      await Promise.all(keys.map((key) => remove(fileOf(bucket, key))));
    },

    async privateAssetUrl(bucket, key) {
      return pathToFileURL(fileOf(bucket, key)).href;
    },
  };
}

async function remove(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}.json`, { force: true });
}

/** The range `bytes=a-b` within a file of `size` bytes; undefined when there is none, several, or an invalid one. */
function parseRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start <= end ? { start, end } : undefined;
}
