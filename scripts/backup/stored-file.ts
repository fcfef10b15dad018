// Files in the folder of the backups: compressed with Zstandard where that helps, encrypted with AES-256-GCM when there is a key. A
// stored file is written under another name until it is complete.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, rmSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { PassThrough, Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { StackError } from "../lib/errors.ts";
import { publish } from "./files.ts";
import { requireKey } from "./key.ts";

/** The first bytes of an encrypted file; 12 bytes of a nonce follow, then the text, then a tag of 16 bytes. */
const mark = Buffer.from("staybase-aes-gcm");
const nonceLength = 12;
const tagLength = 16;

export interface StoredFile {
  path: string;
  /** What the file is, such as `wal/<line>/<segment>`: an encrypted file cannot be taken for another. */
  name: string;
  key: Buffer | undefined;
  /** False for what is compressed already, such as photos. */
  compressed: boolean;
}

/** Stores a stream, and returns the size of the file in bytes. */
export async function store(source: Readable, file: StoredFile): Promise<number> {
  const partial = `${file.path}.${process.pid}.partial`; // a backup and the stack may store the same file
  mkdirSync(dirname(file.path), { recursive: true });
  const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
  try {
    await pipeline(
      source,
      file.compressed ? createZstdCompress(level) : new PassThrough(),
      file.key === undefined ? new PassThrough() : encryption(file.key, file.name),
      createWriteStream(partial),
    );
    await publish(partial, file.path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  return (await stat(file.path)).size;
}

/** Reads a stored file. The stream fails at its end when the file was changed or the key is another, so use nothing before that. */
export async function openStored(file: StoredFile): Promise<Readable> {
  const head = Buffer.alloc(mark.length + nonceLength);
  const { size } = await stat(file.path);
  const handle = await open(file.path);
  await handle.read(head, 0, head.length, 0);
  await handle.close();
  const isEncrypted = head.subarray(0, mark.length).equals(mark);
  const end = size - tagLength - 1;
  const source = !isEncrypted
    ? createReadStream(file.path)
    : end < head.length
      ? Readable.from([])
      : createReadStream(file.path, { start: head.length, end });
  const steps: Transform[] = [];
  if (isEncrypted) steps.push(await decryption(file, head.subarray(mark.length), size));
  if (file.compressed) steps.push(createZstdDecompress());
  const last = new PassThrough();
  pipeline([source, ...steps, last]).catch(() => {}); // `last` fails, too
  return Readable.from(explaining(last, file), { objectMode: false });
}

async function* explaining(chunks: Readable, file: StoredFile): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw explained(file, error);
  }
}

function encryption(key: Buffer, name: string): Transform {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(name));
  let begun = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!begun) this.push(Buffer.concat([mark, nonce]));
      begun = true;
      done(null, cipher.update(chunk));
    },
    flush(done) {
      if (!begun) this.push(Buffer.concat([mark, nonce]));
      this.push(cipher.final());
      done(null, cipher.getAuthTag());
    },
  });
}

async function decryption(file: StoredFile, nonce: Buffer, size: number): Promise<Transform> {
  const tag = Buffer.alloc(tagLength);
  const handle = await open(file.path);
  await handle.read(tag, 0, tagLength, size - tagLength);
  await handle.close();
  const decipher = createDecipheriv("aes-256-gcm", requireKey(file.key), nonce)
    .setAAD(Buffer.from(file.name))
    .setAuthTag(tag);
  return new Transform({
    transform: (chunk: Buffer, _encoding, done: TransformCallback) => done(null, decipher.update(chunk)),
    flush(done) {
      try {
        done(null, decipher.final());
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function explained(file: StoredFile, error: unknown): StackError {
  const reason = error instanceof Error ? error.message : String(error);
  return new StackError(
    `${file.path} cannot be read: ${reason}`,
    "The file is damaged, or STAYBASE_BACKUP_KEY is not the key that it was made with. Use another backup, or the right key.",
  );
}
