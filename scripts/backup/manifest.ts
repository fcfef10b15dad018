// Postgres's manifest of a backup, and the check of a backup's tar against it.

import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { z } from "zod";
import { StackError } from "../lib/errors.ts";

const schema = z.object({
  "System-Identifier": z.union([z.number(), z.string()]).transform(String),
  Files: z.array(
    z.object({
      Path: z.string().optional(),
      "Encoded-Path": z.string().optional(),
      Size: z.number(),
      Checksum: z.string(),
      "Checksum-Algorithm": z.literal("SHA256"),
    }),
  ),
  "WAL-Ranges": z.array(z.object({ Timeline: z.number(), "Start-LSN": z.string(), "End-LSN": z.string() })),
});

export interface Manifest {
  systemIdentifier: string;
  timeline: number;
  startLsn: string;
  /** Checksum and size of each file, by path. */
  files: Map<string, { size: number; checksum: string }>;
}

/** @throws StackError when the text is no manifest of Postgres */
export function readManifest(text: string): Manifest {
  // the identifier has more digits than a number of JavaScript
  const exact = text.replace(/("System-Identifier":\s*)(\d+)/, '$1"$2"');
  const { Files: files, "WAL-Ranges": ranges, ...rest } = schema.parse(JSON.parse(exact));
  const range = ranges[0];
  if (range === undefined || ranges.length !== 1) throw damaged("it has not one range of changes");
  return {
    systemIdentifier: rest["System-Identifier"],
    timeline: range.Timeline,
    startLsn: range["Start-LSN"],
    files: new Map(
      files.map((file) => [
        file.Path ?? Buffer.from(file["Encoded-Path"] ?? "", "hex").toString(),
        { size: file.Size, checksum: file.Checksum },
      ]),
    ),
  };
}

/** What a tar holds: calls are in its order. */
export interface TarSink {
  folder(path: string): Promise<void>;
  file(path: string, content: Readable): Promise<void>;
}

/**
 * Reads a tar to its end and gives its entries to `sink`.
 *
 * @throws StackError when a file is missing, has another size or another content than the manifest says
 */
export async function readTar(tar: Readable, manifest: Manifest, sink: TarSink): Promise<void> {
  const missing = new Map(manifest.files);
  const entries = extract();
  const reading = pipeline(tar, entries);
  reading.catch(() => {}); // awaited below
  for await (const entry of readable(entries)) {
    const path = entry.header.name.replace(/^\.\//, "").replace(/\/$/, "");
    if (path.split("/").includes("..") || path.startsWith("/")) throw damaged(`it has a path ${path}`);
    if (entry.header.type === "directory") {
      await sink.folder(path);
      entry.resume();
      continue;
    }
    if (entry.header.type !== "file") throw damaged(`${path} is neither a file nor a folder`);
    const hash = createHash("sha256");
    await sink.file(path, Readable.from(hashing(readable(entry as AsyncIterable<Buffer>), hash)));
    const expected = missing.get(path);
    missing.delete(path);
    const isKnown = expected !== undefined;
    if (isKnown && (expected.size !== entry.header.size || expected.checksum !== hash.digest("hex"))) {
      throw damaged(`${path} is not as it was in the database`);
    }
    if (!isKnown && !path.startsWith("pg_wal/")) throw damaged(`${path} is not in the manifest`);
  }
  await reading;
  const [first] = missing.keys();
  if (first !== undefined) throw damaged(`it lacks ${first}`);
}

/** What was changed can stop being a tar before its file says that it was changed. */
async function* readable<T>(parts: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* parts;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof StackError || "syscall" in error) throw error; // the disk has failed
    throw damaged(error.message);
  }
}

async function* hashing(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

function damaged(what: string): StackError {
  return new StackError(
    `The backup is damaged: ${what}.`,
    "Take another backup with `npm run backup`, or restore another one. If a new backup fails, too, check the disk.",
  );
}
