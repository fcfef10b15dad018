// Files as an app sends them: uploaded to the private bucket, then handed to the Edge Function `files`.

import { randomBytes } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";
import type { Sql } from "postgres";
import { callFunction } from "./clients.ts";
import type { Person } from "./people.ts";

/** A PNG of one pixel. */
export const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** A PNG of one pixel in a random colour: a picture that no other test has. */
export function newPng(): Buffer {
  const chunk = (type: string, content: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  return Buffer.concat([
    png.subarray(0, 8),
    chunk("IHDR", Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 16, 2, 0, 0, 0])),
    chunk("IDAT", deflateSync(Buffer.concat([Buffer.of(0), randomBytes(6)]))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** What a file becomes. */
export type Purpose =
  | { kind: "property_photo"; property_id: string; alt_text: string }
  | { kind: "avatar" }
  | { kind: "attachment"; thread_id: string };

export interface StoredFile {
  bucket: string;
  path: string;
  content_type: string;
  bytes: number;
  photo_id: string | null;
}

/** Uploads a `File`, as a browser does, and returns its path. */
export async function upload(
  person: Person,
  { bytes = newPng() as Uint8Array, contentType = "image/png", name = `${crypto.randomUUID()}.png` } = {},
): Promise<string> {
  const path = `${person.id}/${name}`;
  const file = new File([bytes.slice()], "photo", { type: contentType });
  const { error } = await person.client.storage.from("uploads").upload(path, file);
  if (error !== null) throw error;
  return path;
}

/** Uploads a file and hands it to the function; returns its answer. */
export async function addFile(
  person: Person,
  purpose: Purpose,
  file: Parameters<typeof upload>[1] = {},
): Promise<Response> {
  return callFunction("files", person, { ...purpose, path: await upload(person, file) });
}

/** Adds a file that must be accepted. */
export async function storeFile(
  person: Person,
  purpose: Purpose,
  file: Parameters<typeof upload>[1] = {},
): Promise<StoredFile> {
  const response = await addFile(person, purpose, file);
  if (response.status !== 201) throw new Error(`file: ${response.status} ${await response.text()}`);
  return (await response.json()) as StoredFile;
}

/** Lets the delay pass for which the objects of deleted files stay in Storage. */
export async function passRemovalDelay(sql: Sql, ...paths: string[]): Promise<void> {
  await sql`update pgmq.q_object_removals set vt = now()
    where vt > now() + interval '1 hour' and message ->> 'path' = any (${paths})`;
  await sql`select private.wake_workers()`;
}
