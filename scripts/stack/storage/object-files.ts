// The bytes of Storage's objects: one file for each version of an object, under the version's id. What describes it is in its row.

import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as WebStream } from "node:stream/web";
import { tooLarge } from "./errors.ts";

export interface FileFacts {
  size: number;
  eTag: string;
}

export interface ObjectFiles {
  /** Writes a new version. @throws StorageError when it is larger than `limit` bytes; nothing is kept then */
  write(version: string, body: ReadableStream<Uint8Array> | null, limit: number): Promise<FileFacts>;
  /** Makes an uploaded file a version. */
  adopt(file: string, version: string): Promise<FileFacts>;
  copy(from: string, to: string): Promise<void>;
  /** The bytes from `start` to `end`, both included; undefined when there is no such version. */
  read(version: string, start: number, end: number): Promise<WebStream<Uint8Array> | undefined>;
  remove(versions: (string | null)[]): Promise<void>;
}

/** Keeps the files in the folder `<dataDir>/objects`. */
export function createObjectFiles(dataDir: string): ObjectFiles {
  const fileOf = (version: string) => join(dataDir, "objects", version.slice(0, 2), version);

  async function newFile(version: string): Promise<string> {
    const file = fileOf(version);
    await mkdir(dirname(file), { recursive: true });
    return file;
  }

  const remove = async (versions: (string | null)[]) => {
    const files = versions.filter((version) => version !== null);
    await Promise.all(files.map((version) => rm(fileOf(version), { force: true })));
  };

  return {
    async write(version, body, limit) {
      const md5 = createHash("md5");
      let size = 0;
      const measured = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          size += chunk.length;
          md5.update(chunk);
          if (size > limit) done(tooLarge());
          else done(null, chunk);
        },
      });
      const source = body === null ? Readable.from([]) : Readable.fromWeb(body as WebStream<Uint8Array>);
      try {
        await pipeline(source, measured, createWriteStream(await newFile(version)));
      } catch (error) {
        await remove([version]);
        throw error;
      }
      return { size, eTag: `"${md5.digest("hex")}"` };
    },

    async adopt(file, version) {
      const md5 = createHash("md5");
      await pipeline(createReadStream(file), md5);
      const { size } = await stat(file);
      await rename(file, await newFile(version));
      return { size, eTag: `"${md5.digest("hex")}"` };
    },

    async copy(from, to) {
      await copyFile(fileOf(from), await newFile(to));
    },

    async read(version, start, end) {
      try {
        // opened before the answer begins, so that an object that is deleted meanwhile is still read to its end
        const file = await open(fileOf(version));
        return Readable.toWeb(file.createReadStream({ start, end })) as WebStream<Uint8Array>;
      } catch {
        return undefined;
      }
    },

    remove,
  };
}
